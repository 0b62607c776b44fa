/* Data sets from idx files, right and wrong, written into a temporary folder. */
#include "quant/model/graph.h"
#include "tests/t.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>

static char folder[] = "/tmp/quern-dataset-XXXXXX";

static const uint8_t images[] = { 0, 0, 8, 3, 0, 0, 0,  2,  0,  0,  0,
                                  1, 0, 0, 0, 3, 0, 10, 20, 30, 40, 255 };
static const uint8_t labels[] = { 0, 0, 8, 1, 0, 0, 0, 2, 7, 9 };

static void path_of(char out[200], const char *name)
{
    snprintf(out, 200, "%s/%s", folder, name);
}

static void write_file(const char *name, const uint8_t *data, size_t size, int compress)
{
    char path[200];
    path_of(path, name);
    gzFile f = gzopen(path, compress ? "wb" : "wbT"); /* T: as it is */
    T_CHECK(f && gzwrite(f, data, (unsigned)size) == (int)size);
    if (f)
        gzclose(f);
}

static void test_reading(const char *spec)
{
    struct qnt_dataset *set;
    struct qnt_error error = { "" };
    float x[3];
    int32_t h, w, c;

    struct qnt_input input = { 1, 3, 1, qnt_pixels_plain() };
    input.pixels.mean[0] = 10;
    input.pixels.norm[0] = 0.5f;
    if (!T_CHECK(qnt_dataset_open(spec, &input, &set, &error) == 0)) {
        printf("  %s\n", error.text);
        return;
    }
    qnt_dataset_shape(set, &h, &w, &c);
    T_CHECK(qnt_dataset_count(set) == 2 && h == 1 && w == 3 && c == 1);
    T_CHECK(qnt_dataset_label(set, 0) == 7 && qnt_dataset_label(set, 1) == 9);
    T_CHECK(qnt_dataset_label(set, 2) == -1);
    T_CHECK(qnt_dataset_image(set, 0, x, &error) == 0 && x[0] == -5 && x[1] == 0 && x[2] == 5);
    T_CHECK(qnt_dataset_image(set, 1, x, &error) == 0 && x[2] == 122.5f);
    T_CHECK(qnt_dataset_image(set, 2, x, &error) == -ERANGE && strstr(error.text, "image 2 of 2"));
    qnt_dataset_close(set);
}

static void test_unlabelled(void)
{
    struct qnt_dataset *set;
    struct qnt_error error;
    char spec[300];

    snprintf(spec, sizeof(spec), "idx:%s/images", folder);
    if (T_CHECK(qnt_dataset_open(spec, NULL, &set, &error) == 0))
        T_CHECK(qnt_dataset_label(set, 0) == -1);
    qnt_dataset_close(set);
}

static void check_fails(const char *spec, const char *part)
{
    struct qnt_dataset *set;
    struct qnt_error error = { "" };

    T_CHECK(qnt_dataset_open(spec, NULL, &set, &error) < 0 && !set);
    if (!T_CHECK(strstr(error.text, part) != NULL))
        printf("  got  \"%s\"\n  want \"%s\"\n", error.text, part);
}

static void test_wrong_names(void)
{
    char spec[300];

    check_fails("cifar", "names no data set");
    check_fails("fashion-mnist:valid", "names no data set");
    check_fails("idx:", "names no data set");
    check_fails("fashion-mnist:test:/nowhere", "install Debian's package dataset-fashion-mnist");
    check_fails("idx:/nowhere/images", "/nowhere/images: No such file");
    snprintf(spec, sizeof(spec), "idx:%s/images:%s/images", folder, folder);
    check_fails(spec, "holds no label for each of the 2 images");
    snprintf(spec, sizeof(spec), "idx:%s/labels", folder);
    check_fails(spec, "holds no images");
}

/* Every byte of the header wrong, every length but the right one. */
static void test_damaged(void)
{
    char spec[300];
    uint8_t bad[sizeof(images) + 1];

    snprintf(spec, sizeof(spec), "idx:%s/bad", folder);
    for (size_t size = 0; size <= sizeof(bad); size++) {
        if (size == sizeof(images))
            continue;
        memcpy(bad, images, sizeof(images));
        bad[sizeof(images)] = 0;
        write_file("bad", bad, size, size % 2);
        check_fails(spec, size < 16 ? "is not an idx file" : "does not hold the 6 bytes");
    }
    for (size_t i = 0; i < 16; i++) {
        memcpy(bad, images, sizeof(images));
        bad[i] ^= 0x80;
        write_file("bad", bad, sizeof(images), 1);
        check_fails(spec, folder);
    }
}

int main(int argc, char **argv)
{
    static const char *const names[] = { "images", "labels", "t10k-images-idx3-ubyte.gz",
                                         "t10k-labels-idx1-ubyte.gz", "bad" };
    char spec[300], path[200];

    t_begin(argc, argv);
    if (!T_CHECK(mkdtemp(folder) != NULL))
        return 1;
    write_file(names[0], images, sizeof(images), 0);
    write_file(names[1], labels, sizeof(labels), 0);
    write_file(names[2], images, sizeof(images), 1);
    write_file(names[3], labels, sizeof(labels), 1);
    snprintf(spec, sizeof(spec), "idx:%s/images:%s/labels", folder, folder);
    test_reading(spec);
    snprintf(spec, sizeof(spec), "fashion-mnist:test:%s", folder);
    test_reading(spec);
    test_unlabelled();
    test_wrong_names();
    test_damaged();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(path, names[i]);
        unlink(path);
    }
    T_CHECK(rmdir(folder) == 0);
    return t_end();
}
