/*
 * What tests of the model share: a small catalogue of parts, reading of texts, and packed values
 * from JSON.
 *
 *   csv.read       path (file, required), delimiter (string), columns (list of strings)
 *   xgboost.train  data (value, required), rounds (int, at least 1), eta (float), wait (duration)
 *   fs.remove      path (file, required)
 *   publish        a flow: model (value, required)
 *   slack          a notifier: url (string, required)
 *   log            a notifier
 */
#ifndef TESTS_MODEL_FIXTURE_H
#define TESTS_MODEL_FIXTURE_H

#include "model/flow.h"

/* What a reading gave. Free with parsed_done(). */
struct parsed {
    int err;
    struct flow *flow; /* NULL after an error */
    size_t errors;
    char *problems; /* as text for people, the file called "f.yaml"; "" without any */
};

extern const struct flow_catalogue fixture_catalogue;

/* Reads a flow with the catalogue; <compile> also compiles its expressions. */
struct parsed fixture_parse_text(const char *text, bool compile);
struct parsed fixture_parse(const char *text);
void parsed_done(struct parsed *parsed);
#define CLEANUP_PARSED __attribute__((cleanup(parsed_done)))

/*
 * Keeps heap memory until the test's process ends, so that helpers may hand out what is inside
 * without anybody having to free it and the leak checker still finds real leaks. Returns <memory>.
 */
void *fixture_keep(void *memory);

/* The value that <json> describes; kept. */
struct val fixture_val(const char *json);
/* The JSON text of a packed value; kept. */
const char *fixture_json(const void *bytes, size_t len);

#endif
