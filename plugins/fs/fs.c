/*
 * fs: files and directories as steps. Relative paths start where the run was started.
 *
 * Promises: a written or copied file is whole or not there; removing refuses the root, the
 * directory the step runs in and whatever contains it, follows no symbolic link and stays on one
 * file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <leat/file.h>
#include <leat/json.h>
#include <leat/plugin.h>
#include <leat/text.h>

enum {
    LIST_MAX = 100000 /* entries that fs.list gives */
};

/* Reports a failure of the file system. */
static leat_status report(leat_call *call, const char *path, int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return leat_fail(call, "fs.not_found", "%s does not exist", path);
    case EEXIST:
        return leat_fail(call, "fs.exists", "%s exists already", path);
    case EACCES:
    case EPERM:
    case EROFS:
        return leat_fail(call, "fs.denied", "%s: %s", path, strerror(error));
    case EISDIR:
    case EINVAL:
        return leat_fail(call, "fs.not_a_file", "%s is not a regular file", path);
    case EFBIG:
        return leat_fail(call, "fs.too_large", "%s is larger than `max_size`", path);
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return leat_retry(call, -1, "fs.io", "%s: %s", path, strerror(error));
    default:
        return leat_fail(call, "fs.failed", "%s: %s", path, strerror(error));
    }
}

/* A path parameter as a C string, or NULL after reporting what is wrong. */
static char *path_param(leat_call *call, const char *name, leat_str value)
{
    char *path = value.len == 0 ? NULL : leat_str_dup(call, value);

    if (path == NULL) {
        leat_fail(call, "fs.bad_path", "`%s` is not a path", name);
    }
    return path;
}

/* Makes a directory and those above it; 0 or an errno value. <path> is as before afterwards. */
static int make_folders(char *path)
{
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            if (mkdir(path, 0777) != 0 && errno != EEXIST) {
                int error = errno;

                *at = '/';
                return error;
            }
            *at = '/';
        }
    }
    return 0;
}

/* ---- read and write ---- */

/* fs.read */
static leat_status fs_read(leat_call *call)
{
    char *path = path_param(call, "path", leat_param_file(call, "path"));
    leat_str as = leat_param_str(call, "as");
    int64_t max = leat_param_size(call, "max_size");
    char *data = NULL;
    size_t len = 0;
    leat_str content;
    leat_status status;
    int error;

    if (path == NULL) {
        return LEAT_FAIL;
    }
    if (!leat_str_is(as, "auto") && !leat_str_is(as, "text") && !leat_str_is(as, "bytes")) {
        return leat_fail(call, "fs.bad_params", "`as` is auto, text or bytes, not \"%.*s\"",
                         LEAT_STRF(as));
    }
    error = leat_file_read(path, max < 0 ? 0 : (size_t)max, &data, &len);
    if (error != 0) {
        return report(call, path, error);
    }
    content.ptr = data;
    content.len = len;
    leat_result_int(call, "size", (int64_t)len);
    if (!leat_str_is(as, "bytes") && leat_utf8_ok(content)) {
        status = leat_result_str(call, "content", content);
    } else if (leat_str_is(as, "text")) {
        status = leat_fail(call, "fs.not_text",
                           "%s is not UTF-8 text; `as: bytes` takes it as it is", path);
    } else {
        status = leat_result_bytes(call, "content", data, len);
    }
    free(data);
    return status;
}

/* fs.write */
static leat_status fs_write(leat_call *call)
{
    char *path = path_param(call, "path", leat_param_str(call, "path"));
    leat_view value = leat_param_value(call, "content");
    leat_str content = leat_view_str(value);
    char *json = NULL;
    int error = 0;

    if (path == NULL) {
        return LEAT_FAIL;
    }
    if (content.ptr == NULL) {
        content = leat_view_bytes(value);
    }
    if (content.ptr == NULL) {
        json = leat_json_text(value, JSON_INDENT(2));
        content = leat_str_of(json);
    }
    if (content.ptr == NULL) {
        return leat_fail(call, "fs.bad_params", "`content` cannot be written as JSON");
    }
    if (leat_param_bool(call, "parents")) {
        error = make_folders(path);
    }
    if (error == 0) {
        error = leat_file_write(path, content.ptr, content.len);
    }
    free(json);
    if (error != 0) {
        return report(call, path, error);
    }
    leat_result_text(call, "path", path);
    return leat_result_int(call, "size", (int64_t)content.len);
}

/* Copies what <from> holds; 0 or an errno value. */
static int copy_content(int from, int to, int64_t *ret_size)
{
    char chunk[65536];
    ssize_t count;

    *ret_size = 0;
    do {
        count = copy_file_range(from, NULL, to, NULL, 1u << 30, 0);
        *ret_size += count > 0 ? count : 0;
    } while (count > 0);
    if (count == 0) {
        return 0;
    }
    /* Across file systems, and where it is not known, by hand. */
    for (;;) {
        count = read(from, chunk, sizeof chunk);
        if (count <= 0) {
            return count == 0 ? 0 : errno;
        }
        for (ssize_t done = 0; done < count;) {
            ssize_t written = write(to, chunk + done, (size_t)(count - done));

            if (written < 0 && errno != EINTR) {
                return errno;
            }
            done += written < 0 ? 0 : written;
        }
        *ret_size += count;
    }
}

/* Copies to a temporary file beside the target and gives it the name; 0 or an errno value. */
static int copy_file(int from, mode_t mode, const char *to, int replace, int64_t *ret_size)
{
    char *temporary = NULL;
    int error;
    int fd;

    if (asprintf(&temporary, "%s.leat-XXXXXX", to) < 0) {
        return ENOMEM;
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        error = errno;
        free(temporary);
        return error;
    }
    error = copy_content(from, fd, ret_size);
    if (error == 0 && (fchmod(fd, mode & 0777u) != 0 || fsync(fd) != 0)) {
        error = errno;
    }
    /* A link fails where a file is, a rename replaces it. */
    if (error == 0 && (replace ? rename(temporary, to) : link(temporary, to)) != 0) {
        error = errno;
    }
    unlink(temporary);
    close(fd);
    free(temporary);
    return error;
}

/* fs.copy */
static leat_status fs_copy(leat_call *call)
{
    char *from = path_param(call, "from", leat_param_file(call, "from"));
    char *to = path_param(call, "to", leat_param_str(call, "to"));
    int64_t size = 0;
    struct stat info;
    int error;
    int fd;

    if (from == NULL || to == NULL) {
        return LEAT_FAIL;
    }
    fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return report(call, from, errno);
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return report(call, from, EINVAL);
    }
    error = leat_param_bool(call, "parents") ? make_folders(to) : 0;
    if (error == 0) {
        error = copy_file(fd, info.st_mode, to, leat_param_bool(call, "replace"), &size);
    }
    close(fd);
    if (error != 0) {
        return report(call, to, error);
    }
    leat_result_text(call, "path", to);
    return leat_result_int(call, "size", size);
}

/* ---- remove ---- */

/* 1 when removing <path> would take the ground from under the step: the root, the working
 * directory, or anything that contains it. */
static int is_ground(const char *path)
{
    char target[PATH_MAX];
    char here[PATH_MAX];
    size_t len;

    if (realpath(path, target) == NULL || getcwd(here, sizeof here) == NULL) {
        return 0;
    }
    len = strlen(target);
    return strcmp(target, "/") == 0 ||
           (strncmp(here, target, len) == 0 && (here[len] == '/' || here[len] == '\0'));
}

/* Removes a directory with all it holds; 0 or an errno value. */
static int remove_tree(leat_call *call, char *path, int64_t *ret_removed)
{
    char *roots[] = {path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
    int error = 0;
    FTSENT *entry;

    if (walk == NULL) {
        return errno;
    }
    while (error == 0) {
        errno = 0;
        entry = fts_read(walk);
        if (entry == NULL) {
            error = errno;
            break;
        }
        if (leat_cancelled(call)) {
            error = ECANCELED;
            break;
        }
        if (entry->fts_info == FTS_D) {
            continue;
        }
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS) {
            error = entry->fts_errno;
            break;
        }
        if ((entry->fts_info == FTS_DP ? rmdir(entry->fts_path) : unlink(entry->fts_path)) != 0 &&
            errno != ENOENT) {
            error = errno;
            break;
        }
        (*ret_removed)++;
    }
    fts_close(walk);
    return error;
}

/* fs.remove */
static leat_status fs_remove(leat_call *call)
{
    char *path = path_param(call, "path", leat_param_str(call, "path"));
    int64_t removed = 0;
    struct stat info;
    int error = 0;

    if (path == NULL) {
        return LEAT_FAIL;
    }
    if (lstat(path, &info) != 0) {
        if (errno != ENOENT || !leat_param_bool(call, "missing_ok")) {
            return report(call, path, errno);
        }
        return leat_result_int(call, "removed", 0);
    }
    if (S_ISDIR(info.st_mode) && is_ground(path)) {
        return leat_fail(call, "fs.refused",
                         "%s is the root or holds the directory this step runs in", path);
    }
    if (!S_ISDIR(info.st_mode)) {
        error = unlink(path) != 0 ? errno : 0;
        removed = 1;
    } else if (leat_param_bool(call, "recursive")) {
        error = remove_tree(call, path, &removed);
    } else {
        error = rmdir(path) != 0 ? errno : 0;
        removed = 1;
    }
    if (error == ECANCELED) {
        return leat_stopped(call);
    }
    if (error == ENOTEMPTY || error == EEXIST) {
        return leat_fail(call, "fs.not_empty",
                         "%s is a directory with files in it; `recursive: true` removes them, too",
                         path);
    }
    return error != 0 ? report(call, path, error) : leat_result_int(call, "removed", removed);
}

/* ---- look ---- */

/* A word for what something is. */
static const char *kind_name(mode_t mode)
{
    return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "link" : "other";
}

/* fs.stat */
static leat_status fs_stat(leat_call *call)
{
    char *path = path_param(call, "path", leat_param_str(call, "path"));
    struct stat info;

    if (path == NULL) {
        return LEAT_FAIL;
    }
    if (lstat(path, &info) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? leat_result_bool(call, "exists", 0)
                                                   : report(call, path, errno);
    }
    leat_result_bool(call, "exists", 1);
    leat_result_text(call, "kind", kind_name(info.st_mode));
    leat_result_int(call, "size", info.st_size);
    leat_result_int(call, "mode", info.st_mode & 07777);
    return leat_result_float(call, "modified",
                             (double)info.st_mtim.tv_sec + (double)info.st_mtim.tv_nsec / 1e9);
}

/* 1 when something of this mode is wanted. */
static int is_wanted(leat_str kind, mode_t mode)
{
    return leat_str_is(kind, "any") || leat_str_is(kind, kind_name(mode));
}

/* Gives the paths that were found. */
static leat_status give_list(leat_call *call, const glob_t *found)
{
    leat_str kind = leat_param_str(call, "kind");
    leat_writer writer;
    int64_t count = 0;
    struct stat info;

    leat_writer_init(&writer, call);
    leat_write_list_begin(&writer);
    for (size_t i = 0; i < found->gl_pathc; i++) {
        leat_str path = leat_str_of(found->gl_pathv[i]);

        if (leat_utf8_ok(path) && lstat(path.ptr, &info) == 0 && is_wanted(kind, info.st_mode)) {
            leat_write_str(&writer, path);
            count++;
        }
    }
    leat_write_list_end(&writer);
    if (count > LIST_MAX) {
        return leat_fail(call, "fs.too_many", "the pattern matches %lld paths; %d is the most",
                         (long long)count, LIST_MAX);
    }
    leat_result_value(call, "paths", leat_writer_done(&writer));
    return leat_result_int(call, "count", count);
}

/* fs.list */
static leat_status fs_list(leat_call *call)
{
    char *pattern = path_param(call, "pattern", leat_param_str(call, "pattern"));
    leat_str kind = leat_param_str(call, "kind");
    glob_t found = {0};
    leat_status status;
    int error;

    if (pattern == NULL) {
        return LEAT_FAIL;
    }
    if (!leat_str_is(kind, "any") && !leat_str_is(kind, "file") &&
        !leat_str_is(kind, "directory")) {
        return leat_fail(call, "fs.bad_params", "`kind` is any, file or directory, not \"%.*s\"",
                         LEAT_STRF(kind));
    }
    error = glob(pattern, 0, NULL, &found);
    if (error != 0 && error != GLOB_NOMATCH) {
        globfree(&found);
        return leat_retry(call, -1, "fs.io", "%s could not be listed", pattern);
    }
    status = give_list(call, &found);
    globfree(&found);
    return status;
}

/* fs.mkdir */
static leat_status fs_mkdir(leat_call *call)
{
    char *path = path_param(call, "path", leat_param_str(call, "path"));
    struct stat info;
    int created = 1;
    int error;

    if (path == NULL) {
        return LEAT_FAIL;
    }
    error = leat_param_bool(call, "parents") ? make_folders(path) : 0;
    if (error == 0 && mkdir(path, 0777) != 0) {
        error = errno;
        created = 0;
    }
    if (error == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        error = 0;
    }
    if (error != 0) {
        return report(call, path, error);
    }
    leat_result_text(call, "path", path);
    return leat_result_bool(call, "created", created);
}

#define EFFECT (LEAT_PART_NOCACHE | LEAT_PART_IDEMPOTENT)
#define PARENTS LEAT_BOOL("parents", "true", "Make the directories above it, too")

LEAT_PLUGIN(
    "fs", "1.0.0", "Files and directories",
    LEAT_TASK_EX(fs_read, "fs.read", "Read a file", LEAT_PART_IDEMPOTENT,
                 LEAT_FILE_REQUIRED("path", "The file; the cache counts its content"),
                 LEAT_STRING("as", "auto", "What to make of it: text, bytes, or auto for either"),
                 LEAT_SIZE("max_size", "16MiB", "Most bytes to read")),
    LEAT_TASK_EX(fs_write, "fs.write", "Write a file, whole or not at all", EFFECT,
                 LEAT_STRING_REQUIRED("path", "The file"),
                 LEAT_VALUE_REQUIRED("content", "Text, bytes, or any value, which becomes JSON"),
                 PARENTS),
    LEAT_TASK_EX(fs_copy, "fs.copy", "Copy a file, whole or not at all", EFFECT,
                 LEAT_FILE_REQUIRED("from", "The file to copy"),
                 LEAT_STRING_REQUIRED("to", "The path of the copy"),
                 LEAT_BOOL("replace", "true", "Replace a file that is there"), PARENTS),
    LEAT_TASK_EX(fs_remove, "fs.remove", "Remove a file or directory", EFFECT,
                 LEAT_STRING_REQUIRED("path", "What to remove"),
                 LEAT_BOOL("recursive", "false", "Remove what a directory holds, too"),
                 LEAT_BOOL("missing_ok", "true", "Succeed when there is nothing to remove")),
    LEAT_TASK_EX(fs_list, "fs.list", "List the paths that match a pattern", EFFECT,
                 LEAT_STRING_REQUIRED("pattern", "Shell pattern, for example data/*.csv"),
                 LEAT_STRING("kind", "any", "What to list: any, file or directory")),
    LEAT_TASK_EX(fs_stat, "fs.stat", "Look at a path", EFFECT,
                 LEAT_STRING_REQUIRED("path", "The path; it need not exist")),
    LEAT_TASK_EX(fs_mkdir, "fs.mkdir", "Make a directory unless it is there", EFFECT,
                 LEAT_STRING_REQUIRED("path", "The directory"), PARENTS));
