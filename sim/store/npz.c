/* sim/store/npz.c: one member of a ZIP archive, stored or deflated: what numpy.savez leaves.
 *
 * ref  PKWARE APPNOTE 6.3.10, 4.3 (records), 4.4 (fields); RFC 1951
 */
#define ZLIB_CONST
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "sim/store/reader.h"

enum {
    END_BYTES = 22,   /* of the end record, less its comment */
    ENTRY_BYTES = 46, /* of an entry of the central directory, less its texts */
    LOCAL_BYTES = 30, /* of a local header, less its texts */
    MAX_COMMENT_BYTES = 65535,
    STORED = 0,
    DEFLATED = 8,
    MAX_RATIO = 1032, /* no deflate stream unpacks to more than so many times itself */
    LIST_BYTES = 300
};

typedef struct zip_entry {
    const char *name; /* [n_name], no zero behind it */
    size_t n_name, flags, method, n_packed, n_bytes, at;
    uint32_t crc;
} zip_entry;

static size_t load(const unsigned char *b, size_t n)
{
    size_t value = 0;
    for (size_t i = 0; i < n; i++) {
        value |= (size_t)b[i] << 8 * i;
    }
    return value;
}

static mad_status fail_zip(mad_ctx *ctx, const mad_raw *zip, const char *what)
{
    (void)mad_fail(ctx, MAD_E_DATA, "'%s' is a damaged NPZ archive: %s", zip->path, what);
    return MAD_E_DATA;
}

/* The end record: behind it only its comment. NULL: there is none. */
static const unsigned char *find_end(const mad_raw *zip)
{
    for (size_t back = END_BYTES; back <= zip->n_bytes && back <= END_BYTES + MAX_COMMENT_BYTES;
         back++) {
        const unsigned char *b = zip->bytes + zip->n_bytes - back;
        if (memcmp(b, "PK\5\6", 4) == 0 && load(b + 20, 2) == back - END_BYTES) {
            return b;
        }
    }
    return NULL;
}

/* The entry at *at, which moves behind it; 0: no whole entry lies there. */
static int next_entry(const mad_raw *zip, size_t *at, zip_entry *out)
{
    const unsigned char *b = zip->bytes + *at;
    if (zip->n_bytes - *at < ENTRY_BYTES || memcmp(b, "PK\1\2", 4) != 0) {
        return 0;
    }
    *out = (zip_entry){.name = (const char *)b + ENTRY_BYTES,
                       .n_name = load(b + 28, 2),
                       .flags = load(b + 8, 2),
                       .method = load(b + 10, 2),
                       .crc = (uint32_t)load(b + 16, 4),
                       .n_packed = load(b + 20, 4),
                       .n_bytes = load(b + 24, 4),
                       .at = load(b + 42, 4)};
    const size_t n_all = ENTRY_BYTES + out->n_name + load(b + 30, 2) + load(b + 32, 2);
    if (zip->n_bytes - *at < n_all) {
        return 0;
    }
    *at += n_all;
    return 1;
}

static int is_array(const zip_entry *e)
{
    return e->n_name > 4 && memcmp(e->name + e->n_name - 4, ".npy", 4) == 0;
}

/* As the user writes it: with or without .npy. */
static int is_named(const zip_entry *e, const char *member)
{
    const size_t n = strlen(member);
    return (n == e->n_name || (is_array(e) && n == e->n_name - 4)) &&
           memcmp(member, e->name, n) == 0;
}

static void add_name(const zip_entry *e, char *list)
{
    const size_t n = strlen(list);
    (void)snprintf(list + n, LIST_BYTES - n, "%s%.*s", n > 0 ? ", " : "", (int)e->n_name - 4,
                   e->name);
}

/* The member of that name; without a name the only array. */
static mad_status find_member(mad_ctx *ctx, const mad_raw *zip, const char *member, zip_entry *out)
{
    const unsigned char *end = find_end(zip);
    char list[LIST_BYTES] = "";
    size_t n_arrays = 0, n_found = 0;

    if (end == NULL) {
        return fail_zip(ctx, zip, "no end record");
    }
    const size_t n_entries = load(end + 10, 2);
    size_t at = load(end + 16, 4);
    if (at > zip->n_bytes) {
        return fail_zip(ctx, zip, "its directory lies outside the file");
    }
    for (size_t i = 0; i < n_entries; i++) {
        zip_entry e;
        if (!next_entry(zip, &at, &e)) {
            return fail_zip(ctx, zip, "its directory is cut short");
        }
        if (is_array(&e)) {
            n_arrays++;
            add_name(&e, list);
        }
        if (member == NULL ? is_array(&e) : is_named(&e, member)) {
            n_found++;
            *out = e;
        }
    }
    if (n_found == 1) {
        return MAD_OK;
    }
    if (member == NULL) {
        return n_arrays == 0 ? mad_fail(ctx, MAD_E_DATA, "'%s' holds no array", zip->path)
                             : mad_fail(ctx, MAD_E_DATA,
                                        "'%s' holds %zu arrays: name one, as in %s:NAME; it holds "
                                        "%s",
                                        zip->path, n_arrays, zip->path, list);
    }
    return mad_fail(ctx, MAD_E_DATA, "'%s' holds %s array '%s'; it holds %s", zip->path,
                    n_found == 0 ? "no" : "more than one", member, n_arrays > 0 ? list : "none");
}

/* Where the member's bytes begin; all n_packed of them lie inside the file. */
static mad_status find_bytes(mad_ctx *ctx, const mad_raw *zip, const zip_entry *e,
                             const unsigned char **out)
{
    if ((e->flags & 1) != 0 || (e->method != STORED && e->method != DEFLATED)) {
        (void)mad_fail(ctx, MAD_E_DATA, "'%s': its member is %s, expected one stored or deflated",
                       zip->path, (e->flags & 1) != 0 ? "encrypted" : "packed by another method");
        return MAD_E_DATA;
    }
    if (e->n_bytes >= UINT32_MAX || e->n_packed >= UINT32_MAX) {
        (void)mad_fail(ctx, MAD_E_DATA, "'%s' holds an array of more than 4 GiB", zip->path);
        return MAD_E_DATA;
    }
    if (e->at > zip->n_bytes || zip->n_bytes - e->at < LOCAL_BYTES ||
        memcmp(zip->bytes + e->at, "PK\3\4", 4) != 0) {
        return fail_zip(ctx, zip, "a member lies outside the file");
    }
    const unsigned char *b = zip->bytes + e->at;
    const size_t skip = LOCAL_BYTES + load(b + 26, 2) + load(b + 28, 2);
    if (zip->n_bytes - e->at < skip || zip->n_bytes - e->at - skip < e->n_packed) {
        return fail_zip(ctx, zip, "a member is cut short");
    }
    if (e->method == STORED ? e->n_bytes != e->n_packed : e->n_bytes / MAX_RATIO > e->n_packed) {
        return fail_zip(ctx, zip, "a member's sizes contradict each other");
    }
    *out = b + skip;
    return MAD_OK;
}

/* The first n bytes of the member; all of them only from exactly n_packed. */
static int unpack(const zip_entry *e, const unsigned char *packed, size_t n, unsigned char *bytes)
{
    z_stream z = {.next_in = packed,
                  .avail_in = (unsigned)e->n_packed,
                  .next_out = bytes,
                  .avail_out = (unsigned)n};
    if (e->method == STORED) {
        memcpy(bytes, packed, n);
        return 1;
    }
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK) {
        return 0;
    }
    const int code = inflate(&z, Z_FINISH);
    const int is_whole = code == Z_STREAM_END && z.avail_in == 0;
    (void)inflateEnd(&z);
    return z.avail_out == 0 && (is_whole || n < e->n_bytes);
}

static mad_status fail_unpack(mad_ctx *ctx, const mad_raw *zip)
{
    return fail_zip(ctx, zip, "a member does not unpack to the size it promises");
}

/* What the member's header promises against its size. */
static mad_status check_head(mad_ctx *ctx, const mad_raw *zip, const zip_entry *e,
                             const unsigned char *packed)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = e->n_bytes < MAD_HEAD_BYTES ? e->n_bytes : MAD_HEAD_BYTES;
    unsigned char *bytes = mad_arena_take_raw(ctx->scratch, n, 1);
    if (bytes == NULL) {
        st = mad_fail_memory(ctx, zip->path);
        goto out;
    }
    MAD_TRY(unpack(e, packed, n, bytes) ? MAD_OK : fail_unpack(ctx, zip));
    MAD_TRY(
        mad_head_check(ctx, &(mad_raw){.path = zip->path, .bytes = bytes, .n_bytes = e->n_bytes}));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_npz_open(mad_ctx *ctx, const mad_raw *zip, const char *member, mad_raw *out)
{
    mad_status st = MAD_OK;
    zip_entry e = {0};
    const unsigned char *packed = NULL;
    mad_raw raw = {.path = zip->path};
    unsigned char *bytes;

    MAD_TRY(find_member(ctx, zip, member, &e));
    MAD_TRY(find_bytes(ctx, zip, &e, &packed));
    MAD_TRY(check_head(ctx, zip, &e, packed));
    raw.n_bytes = e.n_bytes;
    raw.mem = mad_arena_create(raw.n_bytes + 1);
    bytes = raw.mem == NULL ? NULL : mad_arena_take_raw(raw.mem, raw.n_bytes + 1, 1);
    if (bytes == NULL) {
        st = mad_fail_memory(ctx, zip->path);
        goto out;
    }
    MAD_TRY(unpack(&e, packed, e.n_bytes, bytes) ? MAD_OK : fail_unpack(ctx, zip));
    if (crc32(0, bytes, (unsigned)e.n_bytes) != e.crc) {
        st = fail_zip(ctx, zip, "a member's checksum is wrong");
        goto out;
    }
    bytes[raw.n_bytes] = 0;
    raw.bytes = bytes;
    *out = raw;
    raw.mem = NULL;
out:
    mad_arena_destroy(raw.mem);
    return st;
}
