/*
 * See pinned.h. References of flows are counted under the lock, as they are plain numbers; the
 * flows themselves never change.
 */
#include "api/pinned.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"
#include "drive/big.h"

/* One kept flow. */
struct kept {
    struct hash hash;
    struct flow *flow; /* a reference; NULL: free place */
};

struct pinned {
    struct blob_dir *blobs;
    pthread_mutex_t lock;
    struct kept kept[PINNED_KEPT_MAX];
    unsigned next; /* whose place is taken next */
};

struct pinned *pinned_new(struct blob_dir *blobs)
{
    struct pinned *pinned = xcalloc(1, sizeof(*pinned));

    pinned->blobs = blobs;
    must(pthread_mutex_init(&pinned->lock, NULL) == 0);
    return pinned;
}

struct pinned *pinned_free(struct pinned *pinned)
{
    if (!pinned) {
        return NULL;
    }
    for (unsigned i = 0; i < PINNED_KEPT_MAX; i++) {
        flow_unref(pinned->kept[i].flow);
    }
    pthread_mutex_destroy(&pinned->lock);
    free(pinned);
    return NULL;
}

/* A reference to a kept flow, or NULL. */
static struct flow *find_kept(struct pinned *pinned, const struct hash *hash)
{
    struct flow *flow = NULL;

    pthread_mutex_lock(&pinned->lock);
    for (unsigned i = 0; i < PINNED_KEPT_MAX && !flow; i++) {
        if (pinned->kept[i].flow && memcmp(&pinned->kept[i].hash, hash, sizeof(*hash)) == 0) {
            flow = flow_ref(pinned->kept[i].flow);
        }
    }
    pthread_mutex_unlock(&pinned->lock);
    return flow;
}

/* Keeps a flow in place of the one that was kept longest; another thread may have done so too. */
static void keep(struct pinned *pinned, const struct hash *hash, struct flow *flow)
{
    struct kept *place;

    pthread_mutex_lock(&pinned->lock);
    place = &pinned->kept[pinned->next];
    pinned->next = (pinned->next + 1) % PINNED_KEPT_MAX;
    flow_unref(place->flow);
    place->flow = flow_ref(flow);
    place->hash = *hash;
    pthread_mutex_unlock(&pinned->lock);
}

int pinned_text(struct pinned *pinned, struct store_read *read, const struct hash *hash,
                struct buf *out)
{
    CLEANUP_BUF struct buf whole = BUF_INIT(FLOW_TEXT_MAX + 16);
    struct str row;
    struct val value;
    int err = store_peek(read, STORE_FLOW_TEXT, MAP_KEY(*hash), &row);

    if (err == 0) {
        err = val_scan(row.ptr, row.len, &val_limits_task, &value, NULL);
    }
    if (err == 0) {
        err = big_get(pinned->blobs, value, &whole, NULL);
    }
    if (err) {
        return err;
    }
    value = val_here(whole.data);
    return val_type(value) == VAL_BIN ? buf_put_str(out, val_str(value)) : ERR_CORRUPT;
}

int pinned_get(struct pinned *pinned, struct store_read *read, const struct hash *hash,
               struct flow **ret_flow)
{
    CLEANUP_BUF struct buf text = BUF_INIT(FLOW_TEXT_MAX);
    struct flow *flow = find_kept(pinned, hash);
    struct diag_list *diags;
    int err;

    if (flow) {
        *ret_flow = flow;
        return 0;
    }
    err = pinned_text(pinned, read, hash, &text);
    if (err) {
        return err;
    }
    diags = diag_new("flow", buf_str(&text));
    err = flow_parse(buf_str(&text), NULL, diags, &flow);
    diag_free(diags);
    if (err) {
        return ERR_CORRUPT;
    }
    keep(pinned, hash, flow);
    *ret_flow = flow;
    return 0;
}

void pinned_put(struct pinned *pinned, struct flow *flow)
{
    if (!flow) {
        return;
    }
    pthread_mutex_lock(&pinned->lock);
    flow_unref(flow);
    pthread_mutex_unlock(&pinned->lock);
}
