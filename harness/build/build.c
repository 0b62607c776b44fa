/* Variants -> sources -> objects -> a program. Sources go to the cache as files, a few
 * micro-kernels each; a file that does not compile is halved until the guilty variant stands alone.
 */
#include "harness/build/build.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/build/cache_int.h"
#include "harness/build/spawn.h"

#define SOURCES_MAX 64
#define ARRAY "quern_kernels"
#define ARGUMENTS_MAX 32
#define CHUNK_MIN 8 /* micro-kernels of a source file, at least, where there are as many */

/* What a kind of program is made of, besides the variants and all of kernels/. */
struct program {
    const char *name;       /* of the file in the cache */
    const char *sources;    /* file with a list of them; NULL = none, a shared object */
    const char *flag;       /* for them, after the toolchain's flags; NULL = none */
    const char *headers[8]; /* folders whose headers they may include: all are part of the key */
};
static const struct program programs[HRN_BUILD_KIND_COUNT] = {
    [HRN_BUILD_RUNNER] = { "quern-runner",
                           "harness/runner/sources.txt",
                           NULL,
                           { "harness", "harness/count", "harness/pmu", "harness/runner",
                             "harness/sweep", "kernels" } },
    [HRN_BUILD_INFER] = { "quern-infer",
                          "quant/pipeline/sources.txt",
                          "-O3",
                          { "kernels", "quant/calib", "quant/model", "quant/pipeline" } },
    [HRN_BUILD_SHARED] = { "quern-kernels", NULL, NULL, { "kernels" } },
};

struct object {
    char path[PATH_MAX];
};

struct build {
    const struct program *program;
    const struct hrn_toolchain *toolchain;
    const struct hrn_build_paths *paths;
    char flag_text[256];
    const char *flags[ARGUMENTS_MAX];   /* into flag_text; ends with NULL */
    const struct var_variant *variants; /* all, as the caller gave them */
    size_t variant_count;
    struct var_variant *kernels; /* distinct micro-kernels, by name */
    size_t kernel_count;
    unsigned char *bad; /* [kernel_count]: refused */
    struct object *objects;
    size_t object_count;
    hrn_build_refused *refused;
    void *user;
    char *err;
    size_t err_bytes;
};

static int fail(struct build *b, int rc, const char *what, const char *detail)
{
    snprintf(b->err, b->err_bytes, "%s%s%s", what, *detail ? ": " : "", detail);
    return rc;
}

static void split_flags(struct build *b)
{
    char *rest = NULL;
    size_t n = 0;
    snprintf(b->flag_text, sizeof b->flag_text, "%s", b->toolchain->flags);
    for (char *flag = strtok_r(b->flag_text, " ", &rest); flag && n < ARGUMENTS_MAX - 12;
         flag = strtok_r(NULL, " ", &rest))
        b->flags[n++] = flag;
    b->flags[n] = NULL;
}

static int add_object(struct build *b, const char *path)
{
    struct object *objects = realloc(b->objects, (b->object_count + 1) * sizeof *objects);
    if (!objects)
        return fail(b, -ENOMEM, "out of memory", "");
    b->objects = objects;
    snprintf(objects[b->object_count++].path, PATH_MAX, "%s", path);
    return 0;
}

/* A cache that cannot be written still serves what it holds; this is asked before anything is
 * added. */
static int check_writable(struct build *b)
{
    char why[PATH_MAX + 64];
    if (access(b->paths->cache_dir, W_OK) == 0)
        return 0;
    int rc = -errno;
    snprintf(why, sizeof why, "%s: %s; name another with $QUERN_CACHE", b->paths->cache_dir,
             strerror(-rc));
    return fail(b, rc, "cannot write to the build cache", why);
}

/* ---- compiling */

struct compile {
    char source[PATH_MAX], object[PATH_MAX], temporary[PATH_MAX];
    const char *argv[ARGUMENTS_MAX];
    const char *flag;  /* more than the toolchain's, NULL = none */
    size_t begin, end; /* of b->kernels, for generated sources */
};

static void compile_arguments(const struct build *b, struct compile *c)
{
    size_t n = 0;
    snprintf(c->temporary, sizeof c->temporary, "%.4000s.%ld.tmp", c->object, (long)getpid());
    c->argv[n++] = b->toolchain->cc;
    for (size_t i = 0; b->flags[i]; i++)
        c->argv[n++] = b->flags[i];
    if (c->flag)
        c->argv[n++] = c->flag;
    c->argv[n++] = "-I";
    c->argv[n++] = b->paths->source_root;
    c->argv[n++] = "-c";
    c->argv[n++] = "-o";
    c->argv[n++] = c->temporary;
    c->argv[n++] = c->source;
    c->argv[n] = NULL;
}

/* Compiles those whose object is not in the cache. commands[i].status tells of each; 0 = it is
 * there. */
static int compile_all(struct build *b, struct compile *list, size_t count,
                       struct hrn_command *commands)
{
    struct hrn_command *todo = calloc(count + 1, sizeof *todo);
    size_t *from = calloc(count + 1, sizeof *from), n = 0;
    if (!todo || !from) {
        free(todo);
        free(from);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        commands[i] = (struct hrn_command) { 0 };
        if (hrn_cache_has(list[i].object))
            continue;
        compile_arguments(b, &list[i]);
        todo[n].argv = list[i].argv;
        snprintf(todo[n].errors_path, sizeof todo[n].errors_path, "%.500s.err", list[i].temporary);
        from[n++] = i;
    }
    int rc = n ? check_writable(b) : 0;
    if (!rc)
        hrn_run_commands(todo, n, hrn_cpu_count());
    for (size_t i = 0; !rc && i < n; i++) {
        commands[from[i]] = todo[i];
        if (todo[i].status == 0 && rename(list[from[i]].temporary, list[from[i]].object))
            commands[from[i]].status = -1;
        if (commands[from[i]].status != 0)
            unlink(list[from[i]].temporary);
    }
    free(todo);
    free(from);
    return rc;
}

static void begin_key(const struct build *b, struct hrn_fingerprint *key)
{
    hrn_fingerprint_begin(key);
    hrn_fingerprint_text(key, b->toolchain->arch);
    hrn_fingerprint_text(key, b->toolchain->cc);
    hrn_fingerprint_text(key, b->toolchain->version);
    hrn_fingerprint_text(key, b->toolchain->flags);
}

/* ---- the program's own sources */

static int has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name), tail = strlen(suffix);
    return length > tail && !strcmp(name + length - tail, suffix);
}

static int is_header(const struct dirent *entry)
{
    return has_suffix(entry->d_name, ".h") || has_suffix(entry->d_name, ".inc");
}

static int is_source(const struct dirent *entry)
{
    return has_suffix(entry->d_name, ".c") || has_suffix(entry->d_name, ".S");
}

/* Calls back with the path, from the source root on, of each file of a folder that `wanted` takes,
 * by name, until one returns non-zero, which it returns. */
static int each_file(struct build *b, const char *folder, int (*wanted)(const struct dirent *),
                     int (*act)(struct build *b, const char *name, void *user), void *user)
{
    char path[PATH_MAX];
    struct dirent **entries;
    snprintf(path, sizeof path, "%s/%s", b->paths->source_root, folder);
    int count = scandir(path, &entries, wanted, alphasort);
    if (count < 0)
        return fail(b, -errno, "cannot read the program's sources in", path);
    int rc = 0;
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%.255s", folder, entries[i]->d_name);
        if (!rc)
            rc = act(b, path, user);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int add_to_key(struct build *b, const char *name, void *user)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", b->paths->source_root, name);
    int rc = hrn_fingerprint_file(user, path);
    return rc ? fail(b, rc, "cannot read a source of the program", path) : 0;
}

static int key_of_headers(struct build *b, struct hrn_fingerprint *key)
{
    int rc = 0;
    for (const char *const *folder = b->program->headers; !rc && *folder; folder++)
        rc = each_file(b, *folder, is_header, add_to_key, key);
    return rc;
}

/* The program's sources on their way to objects. */
struct source_list {
    struct hrn_fingerprint headers;
    struct compile items[SOURCES_MAX];
    size_t count;
};

static int add_source(struct build *b, const char *name, void *user)
{
    struct source_list *list = user;
    if (list->count == SOURCES_MAX)
        return fail(b, -E2BIG, "too many sources in", b->program->sources);
    struct hrn_fingerprint key = list->headers;
    struct compile *c = &list->items[list->count++];
    snprintf(c->source, sizeof c->source, "%s/%s", b->paths->source_root, name);
    c->flag = b->program->flag;
    hrn_fingerprint_text(&key, c->flag ? c->flag : "");
    hrn_fingerprint_text(&key, name);
    int rc = add_to_key(b, name, &key);
    if (!rc)
        hrn_cache_path(b->paths->cache_dir, "source", &key, ".o", c->object, sizeof c->object);
    return rc;
}

static int compile_sources(struct build *b, struct compile *list, size_t count)
{
    struct hrn_command *commands = calloc(count + 1, sizeof *commands);
    int rc = commands ? compile_all(b, list, count, commands) : -ENOMEM;
    for (size_t i = 0; !rc && i < count; i++) {
        if (commands[i].status)
            rc = fail(b, -EINVAL, "the program does not compile", commands[i].errors);
        else
            rc = add_object(b, list[i].object);
    }
    free(commands);
    return rc;
}

/* The files of the list, and all of kernels/. */
static int list_sources(struct build *b, FILE *file, struct source_list *list)
{
    char line[256];
    int rc = 0;
    while (!rc && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0])
            rc = add_source(b, line, list);
    }
    return rc ? rc : each_file(b, "kernels", is_source, add_source, list);
}

static int build_sources(struct build *b)
{
    char path[PATH_MAX];
    struct source_list *list = calloc(1, sizeof *list);
    snprintf(path, sizeof path, "%s/%s", b->paths->source_root, b->program->sources);
    FILE *file = fopen(path, "re");
    int rc = list ? 0 : -ENOMEM;
    if (!file)
        rc = fail(b, -errno, "cannot read the list of the program's sources", path);
    if (!rc) {
        begin_key(b, &list->headers);
        rc = key_of_headers(b, &list->headers);
    }
    if (!rc)
        rc = list_sources(b, file, list);
    if (file)
        fclose(file);
    if (!rc)
        rc = compile_sources(b, list->items, list->count);
    free(list);
    return rc;
}

/* ---- micro-kernels */

static int by_kernel_name(const void *x, const void *y)
{
    char a[VAR_NAME_MAX], b[VAR_NAME_MAX];
    var_kernel_name_format(x, a);
    var_kernel_name_format(y, b);
    return strcmp(a, b);
}

static int gather_kernels(struct build *b)
{
    size_t count = b->variant_count;
    b->kernels = malloc((count + 1) * sizeof *b->kernels);
    b->bad = calloc(count + 1, 1);
    if (!b->kernels || !b->bad)
        return fail(b, -ENOMEM, "out of memory", "");
    if (count)
        memcpy(b->kernels, b->variants, count * sizeof *b->variants);
    qsort(b->kernels, count, sizeof *b->kernels, by_kernel_name);
    for (size_t i = 0; i < count; i++)
        if (!b->kernel_count || by_kernel_name(&b->kernels[b->kernel_count - 1], &b->kernels[i]))
            b->kernels[b->kernel_count++] = b->kernels[i];
    return 0;
}

/* Tells of each variant (not each micro-kernel) that uses kernel i. */
static void refuse(struct build *b, size_t i, const char *why)
{
    b->bad[i] = 1;
    for (size_t v = 0; b->refused && v < b->variant_count; v++)
        if (by_kernel_name(&b->variants[v], &b->kernels[i]) == 0)
            b->refused(&b->variants[v], why, b->user);
}

/* Puts generated text where its compile job finds it, unless its object is there already. */
static int write_source(struct build *b, const struct compile *c, const struct var_text *text)
{
    if (hrn_cache_has(c->object))
        return 0;
    int rc = check_writable(b);
    if (rc)
        return rc;
    rc = hrn_cache_write(c->source, text->data ? text->data : "", text->length);
    return rc ? fail(b, rc, "cannot write generated code", strerror(-rc)) : 0;
}

/* Writes the source of kernels [begin, end), which are of one language. */
static int write_chunk(struct build *b, size_t begin, size_t end, struct compile *c)
{
    struct var_text text = { 0 };
    struct hrn_fingerprint key;
    char why[200] = "";
    int is_c = var_language(b->kernels[begin].isa) == VAR_LANGUAGE_C;
    int rc = is_c ? var_text_printf(&text, "#include \"kernels/kernel.h\"\n") : 0;
    c->begin = begin;
    c->end = end;
    for (size_t i = begin; rc >= 0 && i < end; i++)
        if (!b->bad[i] && (rc = var_generate(&b->kernels[i], &text, why, sizeof why)) == -ENOTSUP) {
            refuse(b, i, why);
            rc = 0;
        }
    begin_key(b, &key);
    if (rc >= 0 && text.data)
        hrn_fingerprint_add(&key, text.data, text.length);
    hrn_cache_path(b->paths->cache_dir, "kernels", &key, is_c ? ".c" : ".S", c->source,
                   sizeof c->source);
    hrn_cache_path(b->paths->cache_dir, "kernels", &key, ".o", c->object, sizeof c->object);
    if (rc >= 0)
        rc = write_source(b, c, &text);
    else
        fail(b, rc, "cannot generate the micro-kernels", why[0] ? why : strerror(-rc));
    var_text_clear(&text);
    return rc;
}

static int build_range(struct build *b, size_t begin, size_t end);

/* A chunk that the compiler did not take: halve it, or name the one that is left. */
static int bisect(struct build *b, const struct compile *c, const char *errors)
{
    size_t middle = c->begin + (c->end - c->begin) / 2;
    if (c->end - c->begin == 1) {
        refuse(b, c->begin, errors);
        return 0;
    }
    int rc = build_range(b, c->begin, middle);
    return rc ? rc : build_range(b, middle, c->end);
}

/* Not the code's fault: the compiler was not there or was killed, or the disk is full. */
static int is_accident(const struct hrn_command *c)
{
    return c->status == -1 || (c->status && !WIFEXITED(c->status)) ||
           strstr(c->errors, strerror(ENOSPC)) != NULL;
}

static int build_chunks(struct build *b, struct compile *list, size_t count)
{
    struct hrn_command *commands = calloc(count + 1, sizeof *commands);
    int rc = commands ? compile_all(b, list, count, commands) : -ENOMEM;
    for (size_t i = 0; !rc && i < count; i++) {
        if (is_accident(&commands[i]))
            rc = fail(b, -EINVAL, "the compiler did not finish", commands[i].errors);
        else
            rc = commands[i].status ? bisect(b, &list[i], commands[i].errors)
                                    : add_object(b, list[i].object);
    }
    free(commands);
    return rc;
}

static int build_range(struct build *b, size_t begin, size_t end)
{
    struct compile *c = calloc(1, sizeof *c);
    int rc = c ? write_chunk(b, begin, end, c) : -ENOMEM;
    if (!rc)
        rc = build_chunks(b, c, 1);
    free(c);
    return rc;
}

/* The end of the chunk that begins at `begin`: one ISA, and work for every CPU. */
static size_t chunk_end(const struct build *b, size_t begin)
{
    size_t size = b->kernel_count / (size_t)(2 * hrn_cpu_count()) + 1, end = begin + 1;
    size = size < CHUNK_MIN ? CHUNK_MIN : size;
    while (end < b->kernel_count && end - begin < size &&
           b->kernels[end].isa == b->kernels[begin].isa)
        end++;
    return end;
}

static int build_kernels(struct build *b)
{
    struct compile *list = calloc(b->kernel_count + 1, sizeof *list);
    size_t count = 0;
    int rc = list ? 0 : -ENOMEM;
    for (size_t i = 0, end; !rc && i < b->kernel_count; i = end) {
        end = chunk_end(b, i);
        rc = write_chunk(b, i, end, &list[count++]);
    }
    if (!rc)
        rc = build_chunks(b, list, count);
    free(list);
    return rc;
}

static int build_registry(struct build *b)
{
    struct compile *c = calloc(1, sizeof *c);
    struct var_text text = { 0 };
    struct hrn_fingerprint key;
    size_t good = 0;
    for (size_t i = 0; i < b->kernel_count; i++)
        if (!b->bad[i])
            b->kernels[good++] = b->kernels[i];
    int rc = c ? var_generate_registry(b->kernels, good, ARRAY, &text) : -ENOMEM;
    begin_key(b, &key);
    if (!rc) {
        hrn_fingerprint_add(&key, text.data, text.length);
        rc = key_of_headers(b, &key);
        hrn_cache_path(b->paths->cache_dir, "registry", &key, ".c", c->source, sizeof c->source);
        hrn_cache_path(b->paths->cache_dir, "registry", &key, ".o", c->object, sizeof c->object);
    }
    if (!rc)
        rc = write_source(b, c, &text);
    if (!rc)
        rc = compile_sources(b, c, 1);
    var_text_clear(&text);
    free(c);
    return rc;
}

/* ---- linking */

static int link_objects(struct build *b, const char *mode, const char *output)
{
    char temporary[PATH_MAX];
    const char **argv = calloc(b->object_count + 8, sizeof *argv);
    size_t n = 0;
    if (!argv)
        return -ENOMEM;
    snprintf(temporary, sizeof temporary, "%.4000s.%ld.tmp", output, (long)getpid());
    argv[n++] = b->toolchain->cc;
    argv[n++] = mode;
    argv[n++] = "-o";
    argv[n++] = temporary;
    for (size_t i = 0; i < b->object_count; i++)
        argv[n++] = b->objects[i].path;
    argv[n++] = "-lm";
    argv[n] = NULL;
    struct hrn_command command = { .argv = argv };
    snprintf(command.errors_path, sizeof command.errors_path, "%.500s.err", temporary);
    int rc = hrn_run_commands(&command, 1, 1);
    free(argv);
    if (rc)
        return fail(b, -EINVAL, "linking failed", command.errors);
    return rename(temporary, output) ? fail(b, -errno, "cannot write the program", output) : 0;
}

/* Static, so that it runs on any kernel of the architecture; but this machine's own programs may do
 * without, where its C library comes without an archive. */
static const char *program_mode(const struct build *b)
{
    const char *const argv[] = { b->toolchain->cc, "-print-file-name=libc.a", NULL };
    struct utsname host;
    char path[PATH_MAX];
    int is_host = uname(&host) == 0 && strcmp(host.machine, b->toolchain->arch) == 0;
    int found = hrn_first_line(argv, path, sizeof path) == 0 && path[0] == '/';
    return is_host && !found ? "-pie" : "-static";
}

static int link_program(struct build *b, char *out_path, size_t out_path_bytes)
{
    struct hrn_fingerprint key;
    int is_program = b->program->sources != NULL;
    begin_key(b, &key);
    for (size_t i = 0; i < b->object_count; i++)
        hrn_fingerprint_text(&key, strrchr(b->objects[i].path, '/'));
    hrn_cache_path(b->paths->cache_dir, b->program->name, &key, is_program ? "" : ".so", out_path,
                   out_path_bytes);
    if (hrn_cache_has(out_path))
        return 0;
    int rc = check_writable(b);
    return rc ? rc : link_objects(b, is_program ? program_mode(b) : "-shared", out_path);
}

int hrn_build(const struct hrn_toolchain *toolchain, const struct hrn_build_paths *paths,
              enum hrn_build_kind kind, const struct var_variant *variants, size_t count,
              hrn_build_refused *refused, void *user, char *out_path, size_t out_path_bytes,
              char *err, size_t err_bytes)
{
    struct build b = { .program = &programs[kind],
                       .toolchain = toolchain,
                       .paths = paths,
                       .variants = variants,
                       .variant_count = count,
                       .refused = refused,
                       .user = user,
                       .err = err,
                       .err_bytes = err_bytes };
    int rc = hrn_cache_make(paths->cache_dir);
    snprintf(err, err_bytes, "out of memory");
    out_path[0] = '\0';
    if (rc)
        snprintf(err, err_bytes,
                 "cannot make the build cache %s: %s; name another with $QUERN_CACHE",
                 paths->cache_dir, strerror(-rc));
    split_flags(&b);
    if (!rc)
        rc = gather_kernels(&b);
    if (!rc && b.program->sources)
        rc = build_sources(&b);
    if (!rc)
        rc = build_kernels(&b);
    if (!rc)
        rc = build_registry(&b);
    if (!rc)
        rc = link_program(&b, out_path, out_path_bytes);
    free(b.kernels);
    free(b.bad);
    free(b.objects);
    return rc;
}
