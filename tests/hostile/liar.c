/*
 * A plugin that breaks the rules of the table.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <leat/plugin.h>

/* Hands over bytes that are no value. */
static leat_status garbage(leat_call *call)
{
    leat_str bytes = {"\xc1\xff\x00garbage", 10};

    call->host->result(call, "x", &bytes);
    return LEAT_OK;
}

/* Hands over a value with something behind it. */
static leat_status trailing(leat_call *call)
{
    leat_str bytes = {"\x01\x02", 2};

    call->host->result(call, "x", &bytes);
    return LEAT_OK;
}

/* Hands over nothing as something. */
static leat_status nothing(leat_call *call)
{
    call->host->result(call, "x", NULL);
    return LEAT_OK;
}

/* Forges a reference to a blob that it has never seen. */
static leat_status forge(leat_call *call)
{
    char bytes[43] = "\xc7\x28\x01";
    leat_str reference = {bytes, sizeof(bytes)};

    memset(bytes + 3, 7, 40);
    call->host->result(call, "x", &reference);
    return LEAT_OK;
}

/* Hands over 33 lists in each other. */
static leat_status deep(leat_call *call)
{
    char bytes[34];
    leat_str nested = {bytes, sizeof(bytes)};

    memset(bytes, 0x91, 33);
    bytes[33] = 1;
    call->host->result(call, "x", &nested);
    return LEAT_OK;
}

/* Hands over one result more than allowed. */
static leat_status many(leat_call *call)
{
    char key[16];

    for (unsigned i = 0; i <= LEAT_RESULT_KEYS_MAX; i++) {
        snprintf(key, sizeof(key), "k%u", i);
        leat_result_int(call, key, i);
    }
    return LEAT_OK;
}

/* Uses a key of one byte more than allowed. */
static leat_status long_key(leat_call *call)
{
    char key[LEAT_KEY_MAX + 2];

    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = 0;
    leat_result_int(call, key, 1);
    return LEAT_OK;
}

/* Mixes keyed results with a whole one. */
static leat_status mixed(leat_call *call)
{
    leat_str one = {"\x01", 1};

    leat_result_int(call, "a", 1);
    call->host->result(call, NULL, &one);
    return LEAT_OK;
}

/* Asks for what it does not declare. */
static leat_status undeclared(leat_call *call)
{
    leat_str text;

    call->host->param(call, "nowhere", LEAT_TYPE_STRING, &text);
    return LEAT_OK;
}

/* Asks for a parameter in another type. */
static leat_status wrong_type(leat_call *call)
{
    int64_t number = 0;

    call->host->param(call, "text", LEAT_TYPE_INT, &number);
    return LEAT_OK;
}

/* Returns a word that does not exist. */
static leat_status bad_status(leat_call *call)
{
    (void)call;
    return 99;
}

/* Says that it was cancelled. */
static leat_status imagined(leat_call *call)
{
    (void)call;
    return LEAT_CANCELLED;
}

/* Hands over a result from where it may not. */
static void *from_thread(void *user)
{
    leat_call *call = user;

    leat_result_int(call, "x", 1);
    return NULL;
}

/* Uses a function of the call's thread in another one. */
static leat_status other_thread(leat_call *call)
{
    pthread_t thread;

    pthread_create(&thread, NULL, from_thread, call);
    pthread_join(thread, NULL);
    return LEAT_OK;
}

/* Wants more memory than a call may have. */
static leat_status greedy(leat_call *call)
{
    void *first = leat_alloc(call, (size_t)-1);
    void *second = leat_alloc(call, (size_t)1 << 40);

    return leat_result_bool(call, "refused", !first && !second);
}

LEAT_PLUGIN("liar", "1.0", "Breaks rules", LEAT_TASK(garbage, "liar.garbage", "Garbage"),
            LEAT_TASK(trailing, "liar.trailing", "Trailing bytes"),
            LEAT_TASK(nothing, "liar.nothing", "Nothing"),
            LEAT_TASK(forge, "liar.forge", "A forged reference"),
            LEAT_TASK(deep, "liar.deep", "Too deep"), LEAT_TASK(many, "liar.many", "Too many"),
            LEAT_TASK(long_key, "liar.long_key", "Too long a key"),
            LEAT_TASK(mixed, "liar.mixed", "Mixed"),
            LEAT_TASK(undeclared, "liar.undeclared", "Undeclared"),
            LEAT_TASK(wrong_type, "liar.wrong_type", "Wrong type", LEAT_STRING("text", "", "t")),
            LEAT_TASK(bad_status, "liar.bad_status", "Bad status"),
            LEAT_TASK(imagined, "liar.imagined", "Imagined cancel"),
            LEAT_TASK(other_thread, "liar.other_thread", "Other thread"),
            LEAT_TASK(greedy, "liar.greedy", "Too much memory"));
