/* Pictures from files: JPEG, PNG, PPM and PGM by their first bytes, as 8 bits per channel. */
#ifndef QUERN_QUANT_PICTURE_H
#define QUERN_QUANT_PICTURE_H

#include "quant/model/graph.h"

struct qnt_picture {
    int32_t w, h, c; /* c: 1 grey, 3 RGB */
    uint8_t *data;   /* [h][w][c], owned */
};

/* With 1 or 3 channels: grey is repeated, colour becomes its luminance. 0 or a negative errno with
 * a sentence that names the file; damage that a decoder would smooth over is an error too. */
int qnt_picture_read(const char *path, int32_t channels, struct qnt_picture *out,
                     struct qnt_error *error);
void qnt_picture_clear(struct qnt_picture *picture);

/* Stretches to w x h, out [h][w][c]: bilinear between the centres of pixels, without smoothing
 * before it, in the fixed point of ncnn's resize (weights of 11 bits), so that images are the same
 * as those that ncnn2table calibrates on. */
int qnt_picture_stretch(const struct qnt_picture *picture, int32_t w, int32_t h, uint8_t *out);

#endif
