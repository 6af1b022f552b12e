/*
 * Live news about runs for whoever follows them: the terminal, event streams, the page.
 *
 * News are values (msgpack maps), published by the loop thread after the change is durable and read
 * by any number of subscribers on their own threads. A subscriber that falls behind by more than
 * HUB_QUEUE_MAX news loses the oldest and is told so by {"type": "lost", "count": n}; state can
 * always be read from the store. Nothing is encoded while nobody listens.
 *
 *   {"type":"flow_run",  "run":uuid, "parent":uuid?, "parent_task":name?, "name", "flow",
 *    "state":{"type","name"}, "time":us, "code"?, "text"?}
 *   {"type":"task_run",  "run":uuid, "task":"train", "step":"train", "state":{...}, "time":us,
 *    "attempt":n, "duration_us"?, "cached"?:true, "retry_us"?:delay, "child"?:uuid, "code"?,
 * "text"?}
 *   {"type":"map",       "run":uuid, "task":"fit", "total":n, "done":n, "running":n, "bad":n}
 *   {"type":"progress",  "run":uuid, "task", "fraction":f or null, "text"?}
 *   {"type":"log",       "run":uuid, "task"?, "level":20, "stream":"log|stdout|stderr", "text",
 *    "time":us}
 *
 * Children of a mapped step are summed up in "map" news, at most 20 a second and one at the end;
 * only those that fail get a "task_run" of their own.
 */
#ifndef DRIVE_HUB_H
#define DRIVE_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"

enum { HUB_QUEUE_MAX = 65536 };

struct hub;
struct hub_subscription;

struct hub *hub_new(void);
struct hub *hub_free(struct hub *hub);

/*
 * Follows the run tree below <root> (all runs when NULL): the run itself and its subflows. <wake>
 * (NULL allowed) is called from the publishing thread when news arrive at an empty queue; it must
 * not block. Any thread.
 */
struct hub_subscription *hub_subscribe(struct hub *hub, const struct uuid *root,
                                       void (*wake)(void *user), void *user);
void hub_unsubscribe(struct hub *hub, struct hub_subscription *subscription);

/*
 * Takes the oldest news into <ret_value> (cleared first). Waits up to <timeout_ms> (0: not at all,
 * -1: for ever). False when there was none. One thread per subscription.
 */
bool hub_take(struct hub_subscription *subscription, int timeout_ms, struct buf *ret_value);

/* True when somebody listens to the tree of <root>: ask before encoding. Loop thread. */
bool hub_wanted(const struct hub *hub, const struct uuid *root);
/* Copies <value> to every subscriber of <root>'s tree; who waits is woken by hub_flush(). Loop
 * thread. */
void hub_publish(struct hub *hub, const struct uuid *root, struct str value);
/* Wakes the subscribers that have got something since the last flush, once each. Loop thread. */
void hub_flush(struct hub *hub);

#endif
