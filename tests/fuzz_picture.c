/* libFuzzer: any bytes as a picture (JPEG, PNG, PPM, PGM), in grey and in colour. */
#include "quant/model/picture.h"
#include "tests/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qnt_picture picture;
    struct qnt_error error;
    uint8_t out[24 * 16 * 3];
    char path[32];
    int fd = fuzz_file(data, size, path);
    for (int32_t channels = 1; channels <= 3; channels += 2)
        if (qnt_picture_read(path, channels, &picture, &error) == 0) {
            qnt_picture_stretch(&picture, 24, 16, out);
            qnt_picture_clear(&picture);
        }
    close(fd);
    return 0;
}
