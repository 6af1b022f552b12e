/*
 * A shared object that is no plugin: it exports something else.
 */
int no_entry_answer(void);

/* Not what anybody asked for. */
__attribute__((visibility("default"))) int no_entry_answer(void)
{
    return 42;
}
