#include "quant/model/picture.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "quant/model/graph_int.h"

#define SIDE_MAX 32768
#define PIXELS_MAX ((int64_t)1 << 26)

struct source {
    const char *path;
    const uint8_t *data;
    size_t bytes;
    int32_t channels;
    struct qnt_error *error;
};

static int fail(const struct source *s, int code, const char *what)
{
    return qnt_error_set(s->error, code, "%s: %s", s->path, what);
}

static int allocate(const struct source *s, int64_t w, int64_t h, struct qnt_picture *out)
{
    if (w < 1 || h < 1 || w > SIDE_MAX || h > SIDE_MAX || w * h > PIXELS_MAX)
        return fail(s, -EINVAL, "a picture of that size is taken for damage");
    out->w = (int32_t)w;
    out->h = (int32_t)h;
    out->c = s->channels;
    out->data = malloc((size_t)(w * h) * (size_t)s->channels);
    return out->data ? 0 : fail(s, -ENOMEM, "not enough memory");
}

/* ---- Colours */

static void convert_pixel(const uint8_t *in, int32_t from, uint8_t *out, int32_t to)
{
    if (from == to)
        memcpy(out, in, (size_t)to);
    else if (to == 3)
        memset(out, in[0], 3);
    else
        out[0] = (uint8_t)((19595 * in[0] + 38470 * in[1] + 7471 * in[2] + 32768) >> 16);
}

/* In place, of a picture of three channels. */
static void make_grey(struct qnt_picture *picture)
{
    for (size_t i = 0; i < (size_t)picture->w * (size_t)picture->h; i++)
        convert_pixel(picture->data + 3 * i, 3, picture->data + i, 1);
    picture->c = 1;
}

/* Ink to light, `count` pixels of `cmyk`, which Adobe's programs store inverted. */
static void mix_inks(const uint8_t *cmyk, int inverted, uint8_t *rgb, size_t count)
{
    const int flip = inverted ? 0 : 255;
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < 3; c++) {
            int light = cmyk[4 * i + (size_t)c] ^ flip, white = cmyk[4 * i + 3] ^ flip;
            rgb[3 * i + (size_t)c] = (uint8_t)((light * white + 127) / 255);
        }
}

/* ---- JPEG. libjpeg reports errors through a function that must not return. */

struct jpeg {
    struct jpeg_error_mgr manager; /* first, so that its address is this one's */
    jmp_buf failed;
    char sentence[JMSG_LENGTH_MAX];
};

static void jpeg_fail(j_common_ptr info)
{
    struct jpeg *j = (struct jpeg *)info->err;

    j->manager.format_message(info, j->sentence);
    longjmp(j->failed, 1);
}

/* What libjpeg only warns of, such as a file that ends early, changes the picture. */
static void jpeg_message(j_common_ptr info, int level)
{
    if (level < 0)
        jpeg_fail(info);
}

/* The rows of a JPEG file of four inks, which libjpeg does not turn into light. */
static int read_inks(const struct source *s, struct jpeg_decompress_struct *info,
                     struct qnt_picture *out)
{
    struct source colour = *s;
    colour.channels = 3;
    int rc = allocate(&colour, info->image_width, info->image_height, out);
    if (rc)
        return rc;
    info->out_color_space = JCS_CMYK;
    jpeg_start_decompress(info);
    JSAMPARRAY row =
        info->mem->alloc_sarray((j_common_ptr)info, JPOOL_IMAGE, 4 * info->output_width, 1);
    while (info->output_scanline < info->output_height) {
        uint8_t *rgb = out->data + (size_t)info->output_scanline * (size_t)out->w * 3;
        jpeg_read_scanlines(info, row, 1);
        mix_inks(row[0], info->saw_Adobe_marker, rgb, (size_t)out->w);
    }
    jpeg_finish_decompress(info);
    if (s->channels == 1)
        make_grey(out);
    return 0;
}

static int read_lights(const struct source *s, struct jpeg_decompress_struct *info,
                       struct qnt_picture *out)
{
    int rc = allocate(s, info->image_width, info->image_height, out);
    if (rc)
        return rc;
    info->out_color_space = s->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        uint8_t *row = out->data + (size_t)info->output_scanline * (size_t)out->w * (size_t)out->c;
        jpeg_read_scanlines(info, &row, 1);
    }
    jpeg_finish_decompress(info);
    return 0;
}

static int decode_jpeg(const struct source *s, struct qnt_picture *out)
{
    struct jpeg_decompress_struct info;
    struct jpeg j;
    char sentence[JMSG_LENGTH_MAX + 40];

    info.err = jpeg_std_error(&j.manager);
    j.manager.error_exit = jpeg_fail;
    j.manager.emit_message = jpeg_message;
    if (setjmp(j.failed)) {
        jpeg_destroy_decompress(&info);
        snprintf(sentence, sizeof(sentence), "a damaged JPEG file: %s", j.sentence);
        return fail(s, -EINVAL, sentence);
    }
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, s->data, s->bytes);
    jpeg_read_header(&info, TRUE);
    int inks = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
    int rc = (inks ? read_inks : read_lights)(s, &info, out);
    jpeg_destroy_decompress(&info);
    return rc;
}

/* ---- PNG */

/* Always decoded as RGB: libpng makes grey of it in linear light, others do not. */
static int decode_png(const struct source *s, struct qnt_picture *out)
{
    static const png_color black = { 0, 0, 0 }; /* behind what is transparent */
    struct source colour = *s;
    png_image image = { .version = PNG_IMAGE_VERSION };
    char sentence[120];
    int rc = 0;

    colour.channels = 3;
    if (png_image_begin_read_from_memory(&image, s->data, s->bytes)) {
        image.format = PNG_FORMAT_RGB;
        rc = allocate(&colour, image.width, image.height, out);
        if (rc == 0)
            png_image_finish_read(&image, &black, out->data, 0, NULL);
    }
    if (rc == 0 && image.warning_or_error) {
        snprintf(sentence, sizeof(sentence), "a damaged PNG file: %s", image.message);
        rc = fail(s, -EINVAL, sentence);
    }
    png_image_free(&image);
    if (rc == 0 && s->channels == 1)
        make_grey(out);
    return rc;
}

/* ---- PPM and PGM: "P6 WIDTH HEIGHT 255", one blank, bytes. '#' begins a comment. */

static long next_number(const struct source *s, size_t *at)
{
    long value = -1;

    while (*at < s->bytes && (strchr(" \t\r\n", s->data[*at]) || s->data[*at] == '#'))
        if (s->data[(*at)++] == '#')
            while (*at < s->bytes && s->data[*at] != '\n')
                ++*at;
    for (; *at < s->bytes && s->data[*at] >= '0' && s->data[*at] <= '9'; ++*at) {
        value = (value < 0 ? 0 : value) * 10 + (s->data[*at] - '0');
        if (value > SIDE_MAX)
            return -1;
    }
    return value;
}

static int decode_pnm(const struct source *s, struct qnt_picture *out)
{
    const int32_t from = s->data[1] == '6' ? 3 : 1;
    size_t at = 2;
    long w = next_number(s, &at), h = next_number(s, &at), most = next_number(s, &at);

    if (w < 1 || h < 1 || most != 255)
        return fail(s, -EINVAL, "a PPM or PGM file without sizes, or not of 8 bits");
    at++;
    if ((int64_t)s->bytes - (int64_t)at < (int64_t)w * h * from)
        return fail(s, -EINVAL, "a PPM or PGM file that is cut short");
    int rc = allocate(s, w, h, out);
    for (size_t i = 0; rc == 0 && i < (size_t)w * (size_t)h; i++)
        convert_pixel(s->data + at + i * (size_t)from, from, out->data + i * (size_t)s->channels,
                      s->channels);
    return rc;
}

/* ---- By the first bytes */

static const struct {
    const char *magic;
    int (*decode)(const struct source *s, struct qnt_picture *out);
} kinds[] = {
    { "\xff\xd8\xff", decode_jpeg },
    { "\x89PNG\r\n\x1a\n", decode_png },
    { "P6", decode_pnm },
    { "P5", decode_pnm },
};

int qnt_picture_read(const char *path, int32_t channels, struct qnt_picture *out,
                     struct qnt_error *error)
{
    struct source s = { .path = path, .channels = channels, .error = error };
    uint8_t *data = NULL;

    *out = (struct qnt_picture) { 0 };
    if (channels != 1 && channels != 3)
        return qnt_error_set(error, -ENOTSUP, "%s: pictures have 1 or 3 channels, not %d", path,
                             channels);
    int rc = qnt_read_file(path, &data, &s.bytes, error);
    if (rc)
        return rc;
    s.data = data;
    rc = 1;
    for (size_t i = 0; rc == 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (s.bytes > strlen(kinds[i].magic) &&
            memcmp(data, kinds[i].magic, strlen(kinds[i].magic)) == 0)
            rc = kinds[i].decode(&s, out);
    if (rc == 1)
        rc = fail(&s, -EINVAL, "neither JPEG, PNG, PPM nor PGM");
    free(data);
    if (rc)
        qnt_picture_clear(out);
    return rc;
}

void qnt_picture_clear(struct qnt_picture *picture)
{
    free(picture->data);
    *picture = (struct qnt_picture) { 0 };
}
