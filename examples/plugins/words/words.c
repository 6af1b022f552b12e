/*
 * words: counts how often each word stands in text files.
 *
 * The larger example of docs/plugin-guide.md: a list of files as a parameter, progress, a rest that
 * a cancel interrupts, an error that is worth another attempt, and a result of any size.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/plugin.h>

enum {
    FILE_BYTES_MAX = 64 * 1024 * 1024, /* of one file */
    DISTINCT_MAX = 400000              /* different words: a value has at most a million nodes */
};

/* Everything that one attempt reads. */
struct text {
    char *bytes;
    size_t len;
};

/* One word where it stands in the text. */
struct word {
    const char *ptr;
    size_t len;
};

/* Reads <path> into memory of the call. LEAT_OK, or an outcome that has been reported. */
static leat_status read_file(leat_call *call, const char *path, struct text *ret_text)
{
    FILE *file = fopen(path, "rbe");
    leat_status status = LEAT_OK;
    long size = -1;

    if (file == NULL && errno == ENOENT) {
        return leat_retry(call, 500, "words.missing", "there is no file %s yet", path);
    }
    if (file == NULL) {
        return leat_fail(call, "words.unreadable", "%s: %s", path, strerror(errno));
    }
    if (fseek(file, 0, SEEK_END) == 0) {
        size = ftell(file);
        rewind(file);
    }
    if (size < 0 || size > FILE_BYTES_MAX) {
        fclose(file);
        return leat_fail(call, "words.too_large", "%s is no file of at most %d MiB", path,
                         FILE_BYTES_MAX >> 20);
    }
    ret_text->bytes = leat_alloc(call, (size_t)size + 1);
    if (ret_text->bytes == NULL) {
        status =
            leat_fail(call, "words.too_large", "no memory for the %ld bytes of %s", size, path);
    } else {
        ret_text->len = fread(ret_text->bytes, 1, (size_t)size, file);
    }
    if (ferror(file)) {
        status = leat_retry(call, -1, "words.unreadable", "%s can not be read to its end", path);
    }
    fclose(file);
    return status;
}

/* The letter in lower case, or 0 for everything that is not one. */
static char letter(char byte)
{
    if (byte >= 'A' && byte <= 'Z') {
        return (char)(byte - 'A' + 'a');
    }
    return (char)(byte >= 'a' && byte <= 'z' ? byte : 0);
}

/* Finds the words of <text>, makes them lower case in place, and stores them at <words>, which may
 * be NULL. Returns how many there are. */
static size_t find_words(struct text *text, size_t length_min, struct word *words)
{
    size_t count = 0;
    size_t start = 0;

    for (size_t i = 0; i <= text->len; i++) {
        char lower = (char)(i < text->len ? letter(text->bytes[i]) : 0);

        if (lower != 0) {
            text->bytes[i] = lower;
            continue;
        }
        if (i > start && i - start >= length_min) {
            if (words != NULL) {
                words[count].ptr = text->bytes + start;
                words[count].len = i - start;
            }
            count++;
        }
        start = i + 1;
    }
    return count;
}

/* Order of the alphabet, for qsort(). */
static int compare(const void *left, const void *right)
{
    const struct word *a = left;
    const struct word *b = right;
    int order = memcmp(a->ptr, b->ptr, a->len < b->len ? a->len : b->len);

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* Hands over the counts of sorted words. */
static leat_status give(leat_call *call, const struct word *words, size_t count)
{
    leat_writer writer;
    size_t distinct = 0;

    leat_writer_init(&writer, call);
    leat_write_map_begin(&writer);
    for (size_t i = 0; i < count; distinct++) {
        size_t first = i;
        leat_str key = {words[first].ptr, words[first].len};

        while (i < count && compare(&words[first], &words[i]) == 0) {
            i++;
        }
        leat_write_str(&writer, key);
        leat_write_int(&writer, (int64_t)(i - first));
    }
    leat_write_map_end(&writer);
    if (distinct > DISTINCT_MAX) {
        return leat_fail(call, "words.too_many", "%zu different words; %d are the most", distinct,
                         DISTINCT_MAX);
    }
    leat_result_int(call, "total", (int64_t)count);
    leat_result_int(call, "distinct", (int64_t)distinct);
    return leat_result_value(call, "counts", leat_writer_done(&writer));
}

/* Waits; 1 when the attempt should stop. */
static int rest(leat_call *call, int64_t pause_us)
{
    int64_t pause_ms = pause_us / 1000 < INT_MAX ? pause_us / 1000 : INT_MAX;
    struct pollfd cancel = {leat_cancel_fd(call), POLLIN, 0};

    return poll(&cancel, 1, (int)pause_ms) > 0 || leat_cancelled(call);
}

/* Reads all files, one after the other; <ret_count> becomes the number of their words. */
static leat_status read_all(leat_call *call, leat_view files, struct text *texts, size_t *ret_count)
{
    size_t length_min = (size_t)leat_param_int(call, "length_min");
    int64_t pause_us = leat_param_duration(call, "pause");
    size_t total = leat_view_count(files);
    leat_iter iter = leat_iter_of(files);
    leat_view item;

    *ret_count = 0;
    for (size_t done = 0; leat_iter_next(&iter, NULL, &item); done++) {
        char *path = leat_str_dup(call, leat_view_str(item));
        leat_status status;

        if (path == NULL) {
            return leat_fail(call, "words.bad_path", "path %zu has a NUL inside", done);
        }
        leat_progress_fmt(call, (double)done / (double)total, "%s", path);
        status = read_file(call, path, &texts[done]);
        if (status != LEAT_OK) {
            return status;
        }
        *ret_count += find_words(&texts[done], length_min, NULL);
        if (rest(call, pause_us)) {
            return leat_stopped(call);
        }
    }
    return LEAT_OK;
}

/* The task. */
static leat_status count_words(leat_call *call)
{
    leat_view files = leat_param_file_list(call, "files");
    size_t length_min = (size_t)leat_param_int(call, "length_min");
    size_t file_count = leat_view_count(files);
    struct text *texts = leat_alloc(call, (file_count + 1) * sizeof *texts);
    struct word *words;
    leat_status status;
    size_t count = 0;

    if (leat_param_int(call, "length_min") < 1) {
        return leat_fail(call, "words.bad_params", "`length_min` must be at least 1");
    }
    if (texts == NULL) {
        return leat_fail(call, "words.too_many", "no memory for %zu files", file_count);
    }
    status = read_all(call, files, texts, &count);
    if (status != LEAT_OK) {
        return status;
    }
    words = leat_alloc(call, (count + 1) * sizeof *words);
    if (words == NULL) {
        return leat_fail(call, "words.too_many", "no memory for %zu words", count);
    }
    count = 0;
    for (size_t i = 0; i < file_count; i++) {
        count += find_words(&texts[i], length_min, words + count);
    }
    qsort(words, count, sizeof *words, compare);
    leat_info(call, "%zu words in %zu files, attempt %.*s", count, file_count,
              LEAT_STRF(leat_fact(call, "attempt")));
    return give(call, words, count);
}

LEAT_PLUGIN("example.words", "1.0.0", "Counts words",
            LEAT_TASK(count_words, "words.count", "Count how often each word stands in text files",
                      LEAT_FILE_LIST_REQUIRED("files", "The files to read, in this order"),
                      LEAT_INT("length_min", "1", "Shorter words do not count"),
                      LEAT_DURATION("pause", "0s", "Rest after each file, for a busy disk")));
