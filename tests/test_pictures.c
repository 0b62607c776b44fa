/* Pictures from files, stretched; folders, lists and labels; and what damage does. */
#include <errno.h>
#include <png.h>
#include <unistd.h>

#include <jpeglib.h>

#include "quant/model/picture.h"
#include "quant/model/shelf.h"
#include "tests/t.h"

static char folder[64] = "/tmp/quern-pictures-XXXXXX";
enum { W = 20, H = 13 };

static const char *in_folder(const char *name)
{
    static char paths[4][200];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const void *data, size_t bytes)
{
    FILE *f = fopen(in_folder(name), "wb");
    if (!f || fwrite(data, 1, bytes, f) != bytes || fclose(f) != 0)
        abort();
}

static uint8_t *read_file(const char *name, size_t *bytes)
{
    FILE *f = fopen(in_folder(name), "rb");
    uint8_t *data = malloc(1 << 20);
    if (!f || !data)
        abort();
    *bytes = fread(data, 1, 1 << 20, f);
    fclose(f);
    return data;
}

/* A smooth picture, so that JPEG keeps it well. */
static uint8_t pixel_at(int x, int y, int c)
{
    return (uint8_t)(40 + 6 * x + 5 * y + 20 * c);
}

static void fill(uint8_t *out)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++)
                *out++ = pixel_at(x, y, c);
}

static void write_ppm(const char *name)
{
    uint8_t data[32 + W * H * 3];
    int head = snprintf((char *)data, 32, "P6\n# made by a test\n%d %d\n255\n", W, H);

    fill(data + head);
    write_file(name, data, (size_t)head + W * H * 3);
}

static void write_png(const char *name)
{
    uint8_t pixels[W * H * 3];
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = W, .height = H, .format = PNG_FORMAT_RGB
    };

    fill(pixels);
    T_CHECK(png_image_write_to_file(&image, in_folder(name), 0, pixels, 0, NULL));
}

static void write_rows(const char *name, uint8_t *pixels, int components, J_COLOR_SPACE space)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr manager;
    FILE *f = fopen(in_folder(name), "wb");

    info.err = jpeg_std_error(&manager);
    jpeg_create_compress(&info);
    jpeg_stdio_dest(&info, f);
    info.image_width = W;
    info.image_height = H;
    info.input_components = components;
    info.in_color_space = space;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 100, TRUE);
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < H; y++) {
        uint8_t *row = pixels + y * W * components;
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    fclose(f);
}

static void write_jpeg(const char *name)
{
    uint8_t pixels[W * H * 3];

    fill(pixels);
    write_rows(name, pixels, 3, JCS_RGB);
}

/* The same colours in four inks: no black, and the others inverted, as Adobe's programs do it,
 * whose marker the library writes with them. */
static void write_inks(const char *name)
{
    uint8_t pixels[W * H * 3], inks[W * H * 4];

    fill(pixels);
    for (int i = 0; i < W * H; i++) {
        memcpy(inks + 4 * i, pixels + 3 * i, 3);
        inks[4 * i + 3] = 255;
    }
    write_rows(name, inks, 4, JCS_CMYK);
}

static void test_kinds(void)
{
    static const struct {
        const char *name;
        void (*write)(const char *name);
        int tolerance;
    } rows[] = { { "a.ppm", write_ppm, 0 },
                 { "b.png", write_png, 0 },
                 { "c.jpg", write_jpeg, 4 },
                 { "d.jpeg", write_inks, 4 } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct qnt_picture p;
        struct qnt_error error = { "" };
        int worst = 0;
        rows[i].write(rows[i].name);
        if (!T_CHECK(qnt_picture_read(in_folder(rows[i].name), 3, &p, &error) == 0)) {
            printf("  %s\n", error.text);
            continue;
        }
        if (T_CHECK(p.w == W && p.h == H && p.c == 3))
            for (int k = 0; k < W * H * 3; k++) {
                int off = p.data[k] - pixel_at(k / 3 % W, k / 3 / W, k % 3);
                worst = abs(off) > worst ? abs(off) : worst;
            }
        if (!T_CHECK(worst <= rows[i].tolerance))
            printf("  %s: off by %d\n", rows[i].name, worst);
        qnt_picture_clear(&p);
        T_CHECK(qnt_picture_read(in_folder(rows[i].name), 1, &p, &error) == 0 && p.c == 1 &&
                abs(p.data[0] - 56) <= rows[i].tolerance + 2);
        qnt_picture_clear(&p);
    }
}

static void check_fails(const char *name, const char *part)
{
    struct qnt_picture p;
    struct qnt_error error = { "" };

    T_CHECK(qnt_picture_read(in_folder(name), 3, &p, &error) < 0 && !p.data);
    if (!T_CHECK(strstr(error.text, part) && strstr(error.text, name)))
        printf("  got  \"%s\"\n  want \"%s\"\n", error.text, part);
}

static void test_damage(void)
{
    static const char *const names[] = { "a.ppm", "b.png", "c.jpg", "d.jpeg" };
    uint64_t rng = t_seed;

    write_file("huge.ppm", "P6 32768 32768 255\n", 19);
    check_fails("huge.ppm", "cut short");
    write_file("odd.ppm", "P6 4 4 65535\nxxxxxxxxxxxxxxxxxxxxxxx", 30);
    check_fails("odd.ppm", "8 bits");
    write_file("text.jpg", "hello, I am no picture", 22);
    check_fails("text.jpg", "neither JPEG, PNG, PPM nor PGM");
    check_fails("nowhere.jpg", "No such file");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t bytes;
        uint8_t *data = read_file(names[i], &bytes);
        for (int round = 0; round < 400; round++) {
            size_t cut = round < 200 ? t_random(&rng) % bytes : bytes;
            struct qnt_picture p;
            struct qnt_error error = { "" };
            uint8_t *copy = malloc(bytes);
            memcpy(copy, data, bytes);
            if (round >= 200)
                copy[t_random(&rng) % bytes] ^= (uint8_t)(1 << t_random(&rng) % 8);
            write_file("damaged", copy, cut);
            int rc = qnt_picture_read(in_folder("damaged"), 3, &p, &error);
            /* The last bytes of a PNG hold no pixels, and those of a JPEG are a marker. */
            if (cut + 20 < bytes)
                T_CHECK(rc < 0);
            T_CHECK(rc == 0 ? p.data != NULL : error.text[0] != 0 && !p.data);
            qnt_picture_clear(&p);
            free(copy);
        }
        free(data);
    }
    unlink(in_folder("damaged"));
    unlink(in_folder("huge.ppm"));
    unlink(in_folder("odd.ppm"));
    unlink(in_folder("text.jpg"));
}

static void test_stretch(void)
{
    uint8_t two[] = { 0, 200 }, out[64], same[W * H * 3];
    struct qnt_picture p = { 2, 1, 1, two }, q = { 1, 1, 1, two + 1 };

    T_CHECK(qnt_picture_stretch(&p, 4, 1, out) == 0);
    T_CHECK(out[0] == 0 && out[1] == 50 && out[2] == 150 && out[3] == 200);
    T_CHECK(qnt_picture_stretch(&p, 1, 3, out) == 0 && out[0] == 100 && out[2] == 100);
    T_CHECK(qnt_picture_stretch(&q, 5, 4, out) == 0 && out[0] == 200 && out[19] == 200);
    fill(same);
    struct qnt_picture r = { W, H, 3, same };
    uint8_t *got = malloc(W * H * 3);
    T_CHECK(qnt_picture_stretch(&r, W, H, got) == 0 && memcmp(got, same, W * H * 3) == 0);
    free(got);
}

/* ---- Sets */

static int open_set(const char *spec, struct qnt_dataset **set, struct qnt_error *error)
{
    static const struct qnt_input input = {
        W, W, 3, { .mean = { 1, 2, 3 }, .norm = { 1, 1, 1 }, .order = QNT_ORDER_BGR }
    };
    return qnt_dataset_open(spec, &input, set, error);
}

static void check_set(const char *spec, size_t count, int first, int last)
{
    static float image[W * W * 3];
    struct qnt_dataset *set;
    struct qnt_error error = { "" };

    if (!T_CHECK(open_set(spec, &set, &error) == 0)) {
        printf("  %s: %s\n", spec, error.text);
        return;
    }
    T_CHECK(qnt_dataset_count(set) == count);
    T_CHECK(qnt_dataset_label(set, 0) == first && qnt_dataset_label(set, count - 1) == last);
    qnt_dataset_shift_labels(set, 10);
    T_CHECK(qnt_dataset_label(set, 0) == (first < 0 ? -1 : first + 10));
    T_CHECK(qnt_dataset_image(set, 0, image, &error) == 0);
    /* The first corner, blue before red. */
    T_CHECK(image[0] == 80 - 1 && image[1] == 60 - 2 && image[2] == 40 - 3);
    qnt_dataset_close(set);
}

static void check_set_fails(const char *spec, const char *part)
{
    struct qnt_dataset *set;
    struct qnt_error error = { "" };

    if (!T_CHECK(open_set(spec, &set, &error) < 0 && !set))
        qnt_dataset_close(set);
    if (!T_CHECK(strstr(error.text, part) != NULL))
        printf("  got  \"%s\"\n  want \"%s\"\n", error.text, part);
}

static void test_sets(void)
{
    char spec[500];
    struct qnt_dataset *set;
    struct qnt_error error = { "" };
    float image[W * W * 3];
    const char *name = strrchr(folder, '/') + 1;
    int length = snprintf(spec, sizeof(spec),
                          "%s/a.ppm\t3\n%s/b.png\t4\nc.jpg\t5\nother/c.jpg\t6\n", name, name);

    write_file("labels.tsv", spec, (size_t)length);
    snprintf(spec, sizeof(spec), "dir:%s:%s", folder, in_folder("labels.tsv"));
    check_set(spec, 3, 3, 5);
    check_set(spec + 4, 3, 3, 5); /* without the word */
    check_set(folder, 3, -1, -1);
    write_file("list", "a.ppm\t8\n\nb.png\r\n", 16);
    snprintf(spec, sizeof(spec), "list:%s", in_folder("list"));
    check_set(spec, 2, 8, -1);
    write_file("list", "a.ppm\nno such file.png\n", 23);
    if (T_CHECK(open_set(spec, &set, &error) == 0)) {
        T_CHECK(qnt_dataset_image(set, 1, image, &error) == -ENOENT);
        T_CHECK(strstr(error.text, "no such file.png") != NULL);
        qnt_dataset_close(set);
    }
    write_file("list", "a.ppm\tx\n", 8);
    check_set_fails(spec, "line 1: 'x' is no label");
    write_file("list", "\n", 1);
    check_set_fails(spec, "lists no files");
    write_file("labels.tsv", "a.ppm\t3\nb.png\t4\n", 16);
    snprintf(spec, sizeof(spec), "dir:%s:%s", folder, in_folder("labels.tsv"));
    check_set_fails(spec, "has no line for");
    check_set_fails("dir:/nowhere", "No such file");
    check_set_fails("/nowhere", "names no data set");
    unlink(in_folder("list"));
    unlink(in_folder("labels.tsv"));
}

/* A picture is decoded once: what it was is set aside, each in its place, as much as there is room
 * for. */
static void test_shelf(void)
{
    static const uint8_t pixels[4] = { 1, 2, 3, 4 };
    struct qnt_dataset *set;
    struct qnt_error error = { "" };
    float first[2][W * W * 3], again[W * W * 3];
    uint8_t got[4] = { 0 };

    write_ppm("gone.ppm");
    write_file("list", "b.png\ngone.ppm\n", 15);
    if (T_CHECK(open_set(in_folder("list"), &set, &error) == 0)) {
        T_CHECK(qnt_dataset_image(set, 1, first[1], &error) == 0);
        T_CHECK(qnt_dataset_image(set, 0, first[0], &error) == 0);
        unlink(in_folder("gone.ppm"));
        for (size_t i = 0; i < 2; i++)
            T_CHECK(qnt_dataset_image(set, i, again, &error) == 0 &&
                    memcmp(again, first[i], sizeof(again)) == 0);
        qnt_dataset_close(set);
    }
    unlink(in_folder("list"));
    T_CHECK(!qnt_shelf_open(2, SIZE_MAX / 2));
    struct qnt_shelf *shelf = qnt_shelf_open(3, 4), *large = qnt_shelf_open(3, QNT_SHELF_BYTES + 1);
    if (T_CHECK(shelf && large)) {
        qnt_shelf_put(shelf, 1, pixels);
        qnt_shelf_put(shelf, 3, pixels);
        T_CHECK(!qnt_shelf_get(shelf, 0, got) && !qnt_shelf_get(shelf, 3, got));
        T_CHECK(qnt_shelf_get(shelf, 1, got) && memcmp(got, pixels, 4) == 0);
        qnt_shelf_put(large, 0, pixels);
        T_CHECK(!qnt_shelf_get(large, 0, got));
    }
    qnt_shelf_close(shelf);
    qnt_shelf_close(large);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (!mkdtemp(folder))
        t_skip("no temporary folder");
    test_kinds();
    test_damage();
    test_stretch();
    unlink(in_folder("d.jpeg"));
    test_sets();
    test_shelf();
    unlink(in_folder("a.ppm"));
    unlink(in_folder("b.png"));
    unlink(in_folder("c.jpg"));
    write_file("e.webp", "RIFF", 4);
    check_set_fails(folder, "e.webp: not a JPEG, PNG, PPM or PGM file");
    unlink(in_folder("e.webp"));
    check_set_fails(folder, "holds no JPEG, PNG, PPM or PGM files");
    T_CHECK(rmdir(folder) == 0);
    return t_end();
}
