/*
 * What a notification says: the event for the notifier, the message, and its parameters.
 *
 * Secrets stay out of the store: where a rule says ${secrets.x}, the outbox keeps a mark, and the
 * secret takes its place when the input of an attempt is made. The mark holds the random id of the
 * notification, so that no parameter or result can smuggle one in. Loop thread.
 */
#ifndef DRIVE_NOTICE_H
#define DRIVE_NOTICE_H

#include "drive/engine_int.h"

/* The notifier part that a rule names, directly or through a channel of leat.yaml. */
struct str notice_via(const struct engine *engine, const struct notify_rule *rule);

/* Makes the parameters and the event for <run> entering <to>. ERR_* with a sentence when a template
 * of the rule can not be rendered or something is too large. */
int notice_make(struct engine *engine, struct run *run, const struct notify_rule *rule,
                enum state to, const struct uuid *id, struct buf *ret_with, struct buf *ret_event,
                struct err_text *reterr_why);

/* Makes the bound input of one attempt. ERR_NOT_FOUND for a secret that is not there; ERR_INVALID.
 */
int notice_input(const struct plug_part *part, const struct uuid *id, struct val with,
                 struct val event, struct buf *ret_input, struct err_text *reterr_why);

#endif
