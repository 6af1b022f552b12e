/*
 * The states of runs, from which every switch, message and check is made.
 *
 * STATE_TYPE(NAME, "WORD", terminal) lists the nine types; rules look at types.
 * STATE(NAME, TYPE, "Name") lists the names; names are for people. Numbers are the order here and
 * are written to the store: append only.
 */
#ifdef STATE_TYPE
STATE_TYPE(SCHEDULED, "SCHEDULED", 0)
STATE_TYPE(PENDING, "PENDING", 0)
STATE_TYPE(RUNNING, "RUNNING", 0)
STATE_TYPE(PAUSED, "PAUSED", 0)
STATE_TYPE(CANCELLING, "CANCELLING", 0)
STATE_TYPE(COMPLETED, "COMPLETED", 1)
STATE_TYPE(FAILED, "FAILED", 1)
STATE_TYPE(CANCELLED, "CANCELLED", 1)
STATE_TYPE(CRASHED, "CRASHED", 1)
#endif

#ifdef STATE
STATE(SCHEDULED, SCHEDULED, "Scheduled")
STATE(LATE, SCHEDULED, "Late")
STATE(AWAITING_RETRY, SCHEDULED, "AwaitingRetry")
STATE(AWAITING_SLOT, SCHEDULED, "AwaitingConcurrencySlot")
STATE(PENDING, PENDING, "Pending")
STATE(SUBMITTING, PENDING, "Submitting")
STATE(RUNNING, RUNNING, "Running")
STATE(RETRYING, RUNNING, "Retrying")
STATE(PAUSED, PAUSED, "Paused")
STATE(SUSPENDED, PAUSED, "Suspended")
STATE(CANCELLING, CANCELLING, "Cancelling")
STATE(COMPLETED, COMPLETED, "Completed")
STATE(CACHED, COMPLETED, "Cached")
STATE(SKIPPED, COMPLETED, "Skipped")
STATE(ROLLED_BACK, COMPLETED, "RolledBack")
STATE(FAILED, FAILED, "Failed")
STATE(TIMED_OUT, FAILED, "TimedOut")
STATE(UPSTREAM_FAILED, FAILED, "UpstreamFailed")
STATE(CRASHED, CRASHED, "Crashed")
STATE(CANCELLED, CANCELLED, "Cancelled")
#endif
