/* Quern's file of a quantised network: read back to the bit; damaged or hostile ones end in a
 * sentence. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "quant/pipeline/pipeline_int.h"
#include "tests/t_graph.h"

static char folder[] = "/tmp/quern-test-network-XXXXXX";
static char path[sizeof(folder) + 40];

static uint8_t *read_file(size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    struct stat st;

    if (!f || fstat(fileno(f), &st) != 0)
        abort();
    *bytes = (size_t)st.st_size;
    uint8_t *data = t_alloc(*bytes, 1);
    if (fread(data, 1, *bytes, f) != *bytes)
        abort();
    fclose(f);
    return data;
}

static void write_file(const uint8_t *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(data, 1, bytes, f) != bytes || fclose(f) != 0)
        abort();
}

/* The checksum over all but the eight bytes that hold it, so that damage reaches the checks behind.
 */
static void fix_checksum(uint8_t *data, size_t bytes)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < bytes; i++)
        if (i < 24 || i >= 32)
            hash = (hash ^ data[i]) * 0x100000001b3u;
    memcpy(data + 24, &hash, sizeof(hash));
}

static int load(struct qnt_network **network, struct qnt_error *error)
{
    *error = (struct qnt_error) { "" };
    return qnt_network_load(path, network, error);
}

static void check_refused(const char *what, const char *word)
{
    struct qnt_network *network;
    struct qnt_error error;
    int result = load(&network, &error);

    if (!T_CHECK(result < 0 && network == NULL && strstr(error.text, path) != NULL &&
                 strstr(error.text, word) != NULL))
        printf("  %s: %d, \"%s\"\n", what, result, error.text);
    qnt_network_free(network);
}

static void run_once(const struct qnt_network *network, float *scores)
{
    struct qnt_error error;
    struct qnt_exec *exec;

    if (qnt_exec_open(network, NULL, NULL, &exec, &error) != 0)
        return; /* too large for this machine: an error, not a crash */
    const struct qnt_input in = qnt_network_input(network);
    const size_t count = (size_t)in.h * (size_t)in.w * (size_t)in.c;
    float *image = t_alloc(count, sizeof(float));
    for (size_t i = 0; i < count; i++)
        image[i] = (float)(i % 17) / 8 - 1;
    qnt_exec_run(exec, image, scores);
    qnt_exec_close(exec);
    free(image);
}

static void check_round_trip(const struct qnt_network *network)
{
    struct qnt_network *again;
    struct qnt_error error;
    float a[64], b[64];
    size_t bytes, bytes_again;

    T_CHECK(qnt_network_save(network, path, &error) == 0);
    uint8_t *first = read_file(&bytes);
    T_CHECK(bytes == qnt_network_bytes(network));
    if (!T_CHECK(load(&again, &error) == 0)) {
        printf("  %s\n", error.text);
        exit(1);
    }
    T_CHECK_STR(qnt_network_name(again), "hand-made");
    T_CHECK_STR(qnt_network_dataset(again), "numbers");
    T_CHECK(qnt_network_classes(again) == qnt_network_classes(network));
    const struct qnt_pixels pixels = qnt_network_input(again).pixels;
    T_CHECK(pixels.mean[2] == 3.5f && pixels.norm[1] == 0.25f && pixels.order == QNT_ORDER_BGR);
    run_once(network, a);
    run_once(again, b);
    T_CHECK(memcmp(a, b, qnt_network_classes(network) * sizeof(float)) == 0);
    T_CHECK(qnt_network_save(again, path, &error) == 0);
    uint8_t *second = read_file(&bytes_again);
    T_CHECK(bytes == bytes_again && memcmp(first, second, bytes) == 0);
    qnt_network_free(again);
    free(first);
    free(second);
}

static void check_truncations(const uint8_t *data, size_t bytes, uint64_t *state)
{
    for (int i = 0; i < 200; i++) {
        size_t length = i < 2 ? (size_t)i : t_random(state) % bytes;
        write_file(data, length);
        check_refused("truncated", "");
    }
    uint8_t *longer = t_alloc(bytes + 64, 1);
    memcpy(longer, data, bytes);
    write_file(longer, bytes + 64);
    check_refused("longer", "bytes long");
    free(longer);
}

static void check_flips(const uint8_t *data, size_t bytes, uint64_t *state)
{
    uint8_t *copy = t_alloc(bytes, 1);

    for (int i = 0; i < 400; i++) {
        size_t at = i < 104 ? (size_t)i : t_random(state) % bytes;
        memcpy(copy, data, bytes);
        copy[at] ^= (uint8_t)(1 << t_random(state) % 8);
        write_file(copy, bytes);
        check_refused("one bit flipped", "");
    }
    free(copy);
}

/* The same with a checksum that fits: an error, or a network that runs inside its buffers. */
static void check_hostile(const uint8_t *data, size_t bytes, uint64_t *state)
{
    static float scores[1 << 16];
    uint8_t *copy = t_alloc(bytes, 1);
    struct qnt_error error;
    struct qnt_network *network;
    int refused = 0, ran = 0;

    for (int i = 0; i < 1500; i++) {
        memcpy(copy, data, bytes);
        /* Half of them where the structure is, the header and the layers. */
        size_t at = t_random(state) % (i % 2 ? bytes : 128 + 352 * 15);
        uint64_t value = t_random(state);
        memcpy(copy + at, &value, 1 + (bytes - at >= 8 ? t_random(state) % 8 : 0));
        fix_checksum(copy, bytes);
        write_file(copy, bytes);
        if (load(&network, &error) != 0) {
            refused++;
            T_CHECK(network == NULL && strstr(error.text, path) != NULL);
            continue;
        }
        if (qnt_network_classes(network) <= sizeof(scores) / sizeof(scores[0])) {
            run_once(network, scores);
            ran++;
        }
        qnt_network_free(network);
    }
    printf("  hostile: %d refused, %d ran\n", refused, ran);
    T_CHECK(refused > 150 && ran > 150);
    free(copy);
}

/* The layer of the file that is a convolution with an add. */
static struct qnt_layer *find_sum(uint8_t *data)
{
    struct qnt_file_header *h = (void *)data;
    struct qnt_layer *layers = (void *)(data + h->section[QNT_SECTION_LAYERS].offset);

    for (int32_t i = 0; i < h->layer_count; i++)
        if (layers[i].op == QNT_OP_CONV && layers[i].input_count == 2)
            return &layers[i];
    T_CHECK(!"a convolution with an add");
    exit(1);
}

static void refuse_sum(uint8_t *data, size_t bytes, const char *what, const char *word)
{
    fix_checksum(data, bytes);
    write_file(data, bytes);
    check_refused(what, word);
}

/* What a convolution adds must be there before it, of its size, and of a scale that keeps sums
 * finite. */
static void check_sums(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = t_alloc(bytes, 1);
    const struct qnt_file_header *h = (const void *)copy;

    memcpy(copy, data, bytes);
    struct qnt_layer *sum = find_sum(copy), good = *sum;
    struct qnt_layer *layers = (void *)(copy + h->section[QNT_SECTION_LAYERS].offset);
    struct qnt_layer *other = &layers[sum->inputs[1]];
    const float scale = other->scale;
    const int32_t at = (int32_t)(sum - layers);
    const int32_t bad[] = { -1, at, at + 1, h->layer_count, INT32_MAX, INT32_MIN };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sum->inputs[1] = bad[i];
        refuse_sum(copy, bytes, "an add of a later layer", "does not come before it");
    }
    sum->inputs[1] = 0;
    refuse_sum(copy, bytes, "an add of the image", "another size");
    *sum = good;
    sum->input_count = 3;
    refuse_sum(copy, bytes, "two adds", "too many inputs");
    *sum = good;
    other->scale = 1e34f;
    refuse_sum(copy, bytes, "scales far apart", "too far");
    other->scale = scale;
    struct qnt_layer *last = &layers[h->layer_count - 1];
    last->inputs[last->input_count++] = last->inputs[0];
    refuse_sum(copy, bytes, "scores with an add", "gives the scores");
    free(copy);
}

/* Files of the versions before mean what they meant. */
static void check_versions(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = t_alloc(bytes, 1);

    memcpy(copy, data, bytes);
    for (int version = 0; version <= QNT_FILE_VERSION + 1; version++) {
        struct qnt_network *network;
        struct qnt_error error;
        const int good = version >= QNT_FILE_VERSION_OLDEST && version <= QNT_FILE_VERSION;
        ((struct qnt_file_header *)(void *)copy)->version = (uint32_t)version;
        fix_checksum(copy, bytes);
        write_file(copy, bytes);
        T_CHECK((load(&network, &error) == 0) == good);
        T_CHECK(good || strstr(error.text, "reads 2 to 5: quantise again"));
        qnt_network_free(network);
    }
    free(copy);
}

static void check_foreign(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = t_alloc(bytes, 1);
    struct qnt_network *network;
    struct qnt_error error;

    memcpy(copy, data, bytes);
    copy[0] = 'q';
    write_file(copy, bytes);
    check_refused("another magic", "not a quantised network");
    memcpy(copy, data, bytes);
    memcpy(copy + 8, (uint8_t[]) { 1, 2, 3, 4 }, 4);
    write_file(copy, bytes);
    check_refused("another byte order", "byte order");
    memcpy(copy, data, bytes);
    copy[12] = 99;
    write_file(copy, bytes);
    check_refused("a later version", "version 99");
    memcpy(copy, data, bytes);
    copy[bytes - 1] ^= 1;
    write_file(copy, bytes);
    check_refused("a flipped bit", "checksum");
    unlink(path);
    check_refused("missing", "No such file");
    T_CHECK(qnt_network_load(folder, &network, &error) < 0 && network == NULL);
    free(copy);
}

static void check_unwritable(const struct qnt_network *network)
{
    struct qnt_error error = { "" };

    T_CHECK(qnt_network_save(network, "/nonexistent-folder/x.qrn", &error) == -ENOENT);
    T_CHECK(strstr(error.text, "/nonexistent-folder/x.qrn") != NULL);
    if (access("/dev/full", W_OK) != 0)
        return;
    char beside[sizeof(path) + 20]; /* a full disk: the file beside is /dev/full */
    snprintf(beside, sizeof(beside), "%s.%ld.tmp", path, (long)getpid());
    if (symlink("/dev/full", beside) != 0)
        return;
    T_CHECK(qnt_network_save(network, path, &error) == -ENOSPC);
    T_CHECK(access(path, F_OK) != 0); /* nothing half written is left */
    unlink(beside);
    /* What is no regular file is written to, not replaced. */
    struct stat st;
    T_CHECK(symlink("/dev/full", path) == 0);
    T_CHECK(qnt_network_save(network, path, &error) == -ENOSPC);
    T_CHECK(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
    T_CHECK(stat("/dev/full", &st) == 0 && S_ISCHR(st.st_mode));
    unlink(path);
}

int main(int argc, char **argv)
{
    struct t_graph g;
    size_t bytes;

    t_begin(argc, argv);
    if (!mkdtemp(folder))
        t_skip("no temporary folder");
    snprintf(path, sizeof(path), "%s/network.qrn", folder);
    uint64_t state = t_seed;
    t_make_everything(&g);
    g.graph.dataset = strdup("numbers");
    g.graph.pixels.mean[2] = 3.5f;
    g.graph.pixels.norm[1] = 0.25f;
    g.graph.pixels.order = QNT_ORDER_BGR;
    struct qnt_network *network = t_network(&g);
    check_round_trip(network);
    uint8_t *data = read_file(&bytes);
    check_truncations(data, bytes, &state);
    check_flips(data, bytes, &state);
    check_hostile(data, bytes, &state);
    check_sums(data, bytes);
    check_versions(data, bytes);
    check_foreign(data, bytes);
    check_unwritable(network);
    free(data);
    qnt_network_free(network);
    qnt_graph_free(&g.graph);
    unlink(path);
    rmdir(folder);
    return t_end();
}
