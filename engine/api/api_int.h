/*
 * What the HTTP server and the followers share with api.c beyond the public interface.
 */
#ifndef API_API_INT_H
#define API_API_INT_H

#include "api/api.h"
#include "api/pinned.h"

struct engine *api_engine(const struct api *api);
struct pinned *api_pinned(const struct api *api);

/* An empty response with status 500. */
void api_response_init(struct api_response *response);

/* Makes <response> (initialised) a problem: <code> of err_table.h, <detail> one sentence,
 * <problems> empty or rendered for people. */
void api_problem(struct api_response *response, int status, int code, const char *detail,
                 struct str problems);

/* True for application/json, with or without charset=utf-8. */
bool api_content_type_ok(struct str type);

#endif
