/*
 * `leat host`: arguments, modes, and the loop that reads frames and runs what they ask for.
 */
#include "work/host.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "plug/descriptor.h"
#include "store/blob.h"
#include "work/evaluator.h"
#include "work/frame.h"
#include "work/host_call.h"
#include "work/host_io.h"
#include "work/host_load.h"
#include "work/host_strays.h"

struct options {
    const char *plugin;
    const char *describe;
    const char *blobs;
    bool evaluator;
    bool has_hash;
    struct hash hash;
};

/* What serves the frames of this process. */
struct server {
    struct host_io *io;
    const leat_plugin *plugin; /* or */
    struct host_call *call;
    struct evaluator *evaluator;
};

static bool parse_options(int argc, char **argv, struct options *ret_options);
static bool parse_pair(const char *name, const char *value, struct options *options);
static int describe(const struct options *options);
static int serve_evaluator(struct host_io *io, struct blob_dir *blobs);
static int serve_plugin(struct host_io *io, const struct options *options, struct blob_dir *blobs);
static void send_hello(struct host_io *io, const leat_plugin *plugin, const struct hash *hash);
static int refuse(struct host_io *io, struct str code, const struct err_text *why);
static int serve(const struct server *server);
static bool serve_frame(const struct server *server, const struct frame *frame);

int host_main(int argc, char **argv)
{
    struct options options = {.plugin = NULL};
    struct err_text why;
    struct blob_dir *blobs = NULL;

    if (!parse_options(argc, argv, &options)) {
        fprintf(stderr, "leat host: the engine starts host processes; there is no reason to do it "
                        "by hand\n");
        return HOST_EXIT_USAGE;
    }
    if (options.describe) {
        return describe(&options);
    }
    /* What plugins print belongs to a line, and to the call that prints it. */
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    struct host_io *io = host_io_new();
    if (!io) {
        fprintf(stderr, "leat host: the channels to the engine are not there\n");
        return HOST_EXIT_USAGE;
    }
    host_strays_begin();
    if (options.blobs && blob_dir_open_path(options.blobs, &blobs, &why)) {
        return refuse(io, STR("plugin.load"), &why);
    }
    int code = options.evaluator ? serve_evaluator(io, blobs) : serve_plugin(io, &options, blobs);
    fflush(stdout);
    /* Not exit(): handlers of foreign libraries have no say in when this process ends, and the
     * listening thread still uses what would be freed. */
    _exit(code);
}

/* Reads the arguments of host.h; false when they are anything else. */
static bool parse_options(int argc, char **argv, struct options *ret_options)
{
    struct options options = {.plugin = NULL};
    int at = 1;

    while (at < argc) {
        if (strcmp(argv[at], "--evaluator") == 0) {
            options.evaluator = true;
            at++;
            continue;
        }
        if (at + 1 == argc || !parse_pair(argv[at], argv[at + 1], &options)) {
            return false;
        }
        at += 2;
    }
    int modes = (options.plugin ? 1 : 0) + (options.describe ? 1 : 0) + options.evaluator;
    if (modes != 1 || (options.plugin && !options.has_hash)) {
        return false;
    }
    *ret_options = options;
    return true;
}

/* One argument with a value. */
static bool parse_pair(const char *name, const char *value, struct options *options)
{
    if (strcmp(name, "--plugin") == 0) {
        options->plugin = value;
        return true;
    }
    if (strcmp(name, "--describe") == 0) {
        options->describe = value;
        return true;
    }
    if (strcmp(name, "--blobs") == 0) {
        options->blobs = value;
        return true;
    }
    if (strcmp(name, "--hash") == 0) {
        options->has_hash = hash_parse(str_of(value), &options->hash) == 0;
        return options->has_hash;
    }
    return false;
}

/* Writes the plugin's descriptor to the data channel; sentences go to stderr. */
static int describe(const struct options *options)
{
    const leat_plugin *plugin;
    struct err_text why;
    CLEANUP_BUF struct buf out = BUF_INIT(DESCRIPTOR_BYTES_MAX);

    int err =
        host_load(options->describe, options->has_hash ? &options->hash : NULL, &plugin, &why);
    if (!err) {
        err = descriptor_encode(plugin, &out, &why);
    }
    if (!err && file_write_all(HOST_FD_DATA, out.data, out.len)) {
        err = err_set(&why, ERR_IO, "the engine does not listen");
    }
    if (err) {
        fflush(stdout);
        fprintf(stderr, "%s\n", why.text);
    }
    _exit(err ? HOST_EXIT_REFUSED : 0);
}

/* Serves evaluations until the engine closes the data channel. */
static int serve_evaluator(struct host_io *io, struct blob_dir *blobs)
{
    struct server server = {.io = io, .evaluator = evaluator_new(io, blobs)};

    send_hello(io, NULL, NULL);
    int code = serve(&server);
    evaluator_free(server.evaluator);
    return code;
}

/* Loads and opens the plugin, then serves calls until the engine closes the data channel. */
static int serve_plugin(struct host_io *io, const struct options *options, struct blob_dir *blobs)
{
    struct server server = {.io = io};
    struct err_text why;

    if (host_load(options->plugin, &options->hash, &server.plugin, &why)) {
        return refuse(io, STR("plugin.load"), &why);
    }
    server.call = host_call_new(io, blobs);
    if (host_call_open(server.call, server.plugin, &why)) {
        return refuse(io, STR("plugin.open"), &why);
    }
    send_hello(io, server.plugin, &options->hash);
    int code = serve(&server);
    host_call_close(server.call, server.plugin);
    return code;
}

/* Says who this is, which is also the sign of readiness. */
static void send_hello(struct host_io *io, const leat_plugin *plugin, const struct hash *hash)
{
    struct frame hello = {
        .type = FRAME_HELLO,
        .hello = {.wire_version = FRAME_WIRE_VERSION,
                  .abi_major = plugin ? plugin->abi_major : LEAT_ABI_MAJOR,
                  .abi_minor = plugin ? plugin->abi_minor : LEAT_ABI_MINOR,
                  .name = plugin ? str_of(plugin->name) : STR("evaluator"),
                  .version = plugin ? str_of(plugin->version) : STR(""),
                  .pid = getpid()},
    };

    if (hash) {
        hello.hello.hash = *hash;
    }
    host_io_send(io, &hello, FRAME_MAX);
}

/* Says why there will be no calls. */
static int refuse(struct host_io *io, struct str code, const struct err_text *why)
{
    struct frame frame = {
        .type = FRAME_HELLO_FAILED,
        .hello_failed = {.code = code, .text = str_of(why->text)},
    };

    fflush(stdout);
    host_io_end(io, NULL);
    host_io_send(io, &frame, FRAME_MAX);
    return HOST_EXIT_REFUSED;
}

/* Reads and serves frames until the data channel ends. The exit code. */
static int serve(const struct server *server)
{
    struct frame_reader reader;
    struct frame frame;
    struct err_text why;

    frame_reader_init(&reader, server->evaluator ? FRAME_EVAL_MAX : FRAME_MAX);
    for (;;) {
        int got = frame_reader_next(&reader, &frame, &why);
        if (got == 1 && serve_frame(server, &frame)) {
            continue;
        }
        if (got != 0) {
            fprintf(stderr, "leat host: a frame from the engine: %s\n",
                    got < 0 ? why.text : "it is not for this process");
            break;
        }
        uint8_t *space = frame_reader_space(&reader);
        long len = space ? host_io_read(server->io, space, FRAME_READ_SIZE) : -1;
        if (len <= 0) {
            frame_reader_done(&reader);
            return 0;
        }
        frame_reader_added(&reader, (size_t)len);
    }
    frame_reader_done(&reader);
    return HOST_EXIT_PROTOCOL;
}

/* Does what a frame asks for; false when it is not for this process. */
static bool serve_frame(const struct server *server, const struct frame *frame)
{
    if (frame->type == FRAME_CALL && server->plugin) {
        host_call_run(server->call, server->plugin, &frame->call);
        return true;
    }
    if (frame->type == FRAME_EVAL && server->evaluator) {
        evaluator_run(server->evaluator, &frame->eval);
        return true;
    }
    return false;
}
