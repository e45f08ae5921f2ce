/* Turns a photograph into a woodcut: smooth, few tones, ink along the edges.
 *
 *     woodcut picture.ppm woodcut.png [tones, 2 to 16, default 6]
 *
 * Reads binary PPM (P6, 8 bits), writes PNG.
 */
#include <math.h>

#include "../lib/png.h"

enum { MAX_SIDE = 8192, SMOOTHING_PASSES = 3 };
static const float INK_FROM = 36.0f, INK_FULL = 120.0f; /* edge strength where ink begins, where it is black */
static const float SATURATION = 1.35f;

typedef struct {
    int width, height;
    uint8_t *rgb;
} picture;

static void fail(const char *message) {
    fprintf(stderr, "woodcut: %s\n", message);
    exit(1);
}

static int read_number(FILE *file) {
    int c = fgetc(file);
    while (c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '#') {
        if (c == '#')
            while (c != '\n' && c != EOF) c = fgetc(file);
        c = fgetc(file);
    }
    int value = 0, digits = 0;
    for (; c >= '0' && c <= '9' && digits < 6; digits++, c = fgetc(file)) value = 10 * value + c - '0';
    if (!digits) fail("not a PPM file: expected a number in the header");
    return value;
}

static picture read_ppm(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail("cannot open the picture");
    if (fgetc(file) != 'P' || fgetc(file) != '6') fail("not a PPM file: expected it to begin with P6");
    picture result = {read_number(file), read_number(file), NULL};
    if (result.width < 1 || result.height < 1 || result.width > MAX_SIDE || result.height > MAX_SIDE)
        fail("the picture must be 1 to 8192 pixels wide and high");
    if (read_number(file) != 255) fail("expected 8 bits a channel (a maximum of 255)");
    size_t size = (size_t)3 * result.width * result.height;
    result.rgb = malloc(size);
    if (!result.rgb) fail("out of memory");
    if (fread(result.rgb, 1, size, file) != size) fail("the picture ends early");
    fclose(file);
    return result;
}

static int clamp(int value, int top) { return value < 0 ? 0 : value > top ? top : value; }

static const uint8_t *pixel(const picture *from, int x, int y) {
    return from->rgb + 3 * ((size_t)clamp(y, from->height - 1) * from->width + clamp(x, from->width - 1));
}

static picture like(const picture *model) {
    picture result = *model;
    result.rgb = malloc((size_t)3 * model->width * model->height);
    if (!result.rgb) fail("out of memory");
    return result;
}

/* Kuwahara filter: the mean of that 3 x 3 neighbourhood (of the four that touch the pixel) which varies least. It
 * smooths areas and keeps edges sharp. */
static picture smooth(const picture *from) {
    picture to = like(from);
    for (int y = 0; y < from->height; y++)
        for (int x = 0; x < from->width; x++) {
            float least = INFINITY;
            uint8_t *out = to.rgb + 3 * ((size_t)y * from->width + x);
            for (int corner = 0; corner < 4; corner++) {
                int left = x - 2 * (corner & 1), top = y - 2 * (corner >> 1);
                float sum[3] = {0}, squares = 0, brightness = 0;
                for (int i = 0; i < 9; i++) {
                    const uint8_t *at = pixel(from, left + i % 3, top + i / 3);
                    float light = 0.299f * at[0] + 0.587f * at[1] + 0.114f * at[2];
                    for (int c = 0; c < 3; c++) sum[c] += at[c];
                    brightness += light;
                    squares += light * light;
                }
                float variance = squares / 9 - brightness * brightness / 81;
                if (variance >= least) continue;
                least = variance;
                for (int c = 0; c < 3; c++) out[c] = (uint8_t)(sum[c] / 9 + 0.5f);
            }
        }
    return to;
}

static float edge_strength(const picture *from, int x, int y) {
    static const int sobel[] = {-1, 0, 1, -2, 0, 2, -1, 0, 1};
    float strength = 0;
    for (int c = 0; c < 3; c++) {
        int across = 0, down = 0;
        for (int i = 0; i < 9; i++) {
            int value = pixel(from, x + i % 3 - 1, y + i / 3 - 1)[c];
            across += sobel[i] * value;
            down += sobel[3 * (i % 3) + i / 3] * value;
        }
        strength = fmaxf(strength, sqrtf((float)(across * across + down * down)));
    }
    return strength;
}

/* Prints in `tones` steps of light, keeping each pixel's own hue, with ink along the edges. */
static picture print_tones(const picture *from, int tones) {
    picture to = like(from);
    for (int y = 0; y < from->height; y++)
        for (int x = 0; x < from->width; x++) {
            const uint8_t *in = pixel(from, x, y);
            uint8_t *out = to.rgb + 3 * ((size_t)y * from->width + x);
            float light = (0.299f * in[0] + 0.587f * in[1] + 0.114f * in[2]) / 255;
            float step = floorf(fminf(light, 0.999f) * (float)tones);
            float wanted = 255 * (step + 0.5f) / (float)tones;
            float ink = (edge_strength(from, x, y) - INK_FROM) / (INK_FULL - INK_FROM);
            float paper = 1 - 0.85f * fminf(1, fmaxf(0, ink));
            for (int c = 0; c < 3; c++) {
                float hue = (float)in[c] - 255 * light; /* how far this channel is from grey */
                out[c] = (uint8_t)(fminf(255, fmaxf(0, wanted + SATURATION * hue)) * paper + 0.5f);
            }
        }
    return to;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) fail("usage: woodcut picture.ppm woodcut.png [tones]");
    int tones = argc == 4 ? atoi(argv[3]) : 6;
    if (tones < 2 || tones > 16) fail("expected 2 to 16 tones");
    picture current = read_ppm(argv[1]);
    for (int pass = 0; pass < SMOOTHING_PASSES; pass++) {
        picture smoothed = smooth(&current);
        free(current.rgb);
        current = smoothed;
    }
    picture printed = print_tones(&current, tones);
    if (png_write(argv[2], printed.rgb, printed.width, printed.height)) fail("cannot write the result");
    printf("%d x %d pixels, %d tones -> %s\n", printed.width, printed.height, tones, argv[2]);
    return 0;
}
