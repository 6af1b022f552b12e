/*
 * `leat flow-run retry` after the plugin that failed was mended.
 */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

/* Compiles a plugin with one task `mend.me` into the home; <body> is what the task does. */
static void compile(const char *body)
{
    char *source = e2e_text("#include <leat/plugin.h>\n"
                            "static leat_status me(leat_call *call) { %s }\n"
                            "LEAT_PLUGIN(\"mend\", \"1\", \"To be mended\",\n"
                            "            LEAT_TASK(me, \"mend.me\", \"Does something\"));\n",
                            body);
    const char *argv[] = {"cc",
                          "-shared",
                          "-fPIC",
                          "-fvisibility=hidden",
                          e2e_text("-I%s/sdk/include", getenv("LEAT_ROOT")),
                          e2e_text("%s/mend.c", e2e_dir()),
                          "-o",
                          e2e_text("%s/plugins/mend.so", e2e_home()),
                          NULL};

    e2e_write("mend.c", source);
    cr_assert_eq(e2e_wait(e2e_start_program(argv))->code, 0);
}

Test(retry, a_mended_plugin_is_used, .init = e2e_begin, .fini = e2e_end)
{
    static const char flow[] = "flow: f\n"
                               "steps:\n"
                               "  a: { task: exec.run, with: { command: [echo, done] } }\n"
                               "  b: { task: mend.me, wait_for: [a] }\n"
                               "output: '${steps.b.text}'\n";
    json_t *run;

    e2e_plugin("crash"); /* makes the directory of plugins */
    compile("(void)call; *(volatile int *)0 = 1; return LEAT_OK;");
    run = e2e_run(flow);
    e2e_expect_task(run, "b", "Crashed");
    compile("return leat_result_fmt(call, \"text\", \"mended\");");
    run = e2e_json("flow-run", "retry", "@last");
    e2e_expect_state(run, "Completed");
    e2e_expect_task(run, "a", "Completed");
    e2e_expect_result(run, "\"mended\"");
}
