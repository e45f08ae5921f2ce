/* Writes an RGB picture as PNG (ISO/IEC 15948).
 *
 * Rows are filtered adaptively, then compressed with LZ77 and the fixed Huffman codes of RFC 1951, section 3.2.6: not
 * the smallest files, but a writer that fits on two pages and needs no library.
 */
#ifndef COMPUTEHIVE_PNG_H
#define COMPUTEHIVE_PNG_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PNG_WINDOW = 32768, PNG_HASH_SIZE = 1 << 15, PNG_MIN_MATCH = 3, PNG_MAX_MATCH = 258, PNG_CHAIN = 24 };

typedef struct {
    uint8_t *data;
    size_t size, room;
    uint32_t bits;
    int bit_count;
} png_buffer;

static void png_put_byte(png_buffer *buffer, uint8_t byte) {
    if (buffer->size == buffer->room) {
        buffer->room = buffer->room ? 2 * buffer->room : 65536;
        buffer->data = realloc(buffer->data, buffer->room);
        if (!buffer->data) {
            fputs("out of memory\n", stderr);
            exit(1);
        }
    }
    buffer->data[buffer->size++] = byte;
}

static void png_put_u32(png_buffer *buffer, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) png_put_byte(buffer, (uint8_t)(value >> shift));
}

/* Bits of a deflate stream go least significant first ... */
static void png_put_bits(png_buffer *buffer, uint32_t value, int count) {
    buffer->bits |= value << buffer->bit_count;
    buffer->bit_count += count;
    while (buffer->bit_count >= 8) {
        png_put_byte(buffer, (uint8_t)buffer->bits);
        buffer->bits >>= 8;
        buffer->bit_count -= 8;
    }
}

/* ... but Huffman codes most significant first. */
static void png_put_code(png_buffer *buffer, uint32_t code, int length) {
    uint32_t reversed = 0;
    for (int i = 0; i < length; i++) reversed |= ((code >> i) & 1u) << (length - 1 - i);
    png_put_bits(buffer, reversed, length);
}

static void png_put_symbol(png_buffer *buffer, int symbol) {
    if (symbol < 144) png_put_code(buffer, 0x30 + symbol, 8);
    else if (symbol < 256) png_put_code(buffer, 0x190 + symbol - 144, 9);
    else if (symbol < 280) png_put_code(buffer, symbol - 256, 7);
    else png_put_code(buffer, 0xC0 + symbol - 280, 8);
}

static void png_put_match(png_buffer *buffer, int length, int distance) {
    static const uint16_t lengths[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                       31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint16_t distances[] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
                                         193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    int code = 28;
    while (lengths[code] > length) code--;
    png_put_symbol(buffer, 257 + code);
    if (code >= 8 && code < 28) png_put_bits(buffer, length - lengths[code], code / 4 - 1);
    code = 29;
    while (distances[code] > distance) code--;
    png_put_code(buffer, code, 5);
    if (code >= 4) png_put_bits(buffer, distance - distances[code], code / 2 - 1);
}

static uint32_t png_hash(const uint8_t *at) {
    return ((at[0] << 16 | at[1] << 8 | at[2]) * 2654435761u) >> 17;
}

static void png_deflate(png_buffer *out, const uint8_t *data, int size) {
    int32_t *head = malloc(PNG_HASH_SIZE * sizeof *head), *previous = malloc(PNG_WINDOW * sizeof *previous);
    if (!head || !previous) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    memset(head, 0xFF, PNG_HASH_SIZE * sizeof *head);
    png_put_bits(out, 1, 1); /* the last block */
    png_put_bits(out, 1, 2); /* with fixed codes */
    for (int at = 0; at < size;) {
        int best = 0, best_distance = 0;
        int limit = size - at < PNG_MAX_MATCH ? size - at : PNG_MAX_MATCH;
        if (limit >= PNG_MIN_MATCH) {
            int candidate = head[png_hash(data + at)];
            for (int tries = PNG_CHAIN; tries && candidate >= 0 && at - candidate < PNG_WINDOW; tries--) {
                int length = 0;
                while (length < limit && data[candidate + length] == data[at + length]) length++;
                if (length > best) best = length, best_distance = at - candidate;
                candidate = previous[candidate % PNG_WINDOW];
            }
        }
        int step = best >= PNG_MIN_MATCH ? best : 1;
        if (step > 1) png_put_match(out, best, best_distance);
        else png_put_symbol(out, data[at]);
        for (; step; step--, at++) {
            if (size - at < PNG_MIN_MATCH) continue;
            uint32_t slot = png_hash(data + at);
            previous[at % PNG_WINDOW] = head[slot];
            head[slot] = at;
        }
    }
    png_put_symbol(out, 256);
    png_put_bits(out, 0, 7); /* fill the last byte */
    free(head);
    free(previous);
}

static int png_paeth(int left, int up, int corner) {
    int guess = left + up - corner;
    int to_left = abs(guess - left), to_up = abs(guess - up), to_corner = abs(guess - corner);
    if (to_left <= to_up && to_left <= to_corner) return left;
    return to_up <= to_corner ? up : corner;
}

/* Row `row` under each filter in turn; keep the one whose bytes are smallest (the heuristic of the PNG specification). */
static void png_filter_row(const uint8_t *row, const uint8_t *above, int size, uint8_t *best) {
    uint8_t *trial = malloc(size + 1);
    long best_sum = -1;
    for (int filter = 0; trial && filter <= 4; filter++) {
        long sum = 0;
        trial[0] = (uint8_t)filter;
        for (int i = 0; i < size; i++) {
            int left = i < 3 ? 0 : row[i - 3], up = above ? above[i] : 0, corner = above && i >= 3 ? above[i - 3] : 0;
            int guesses[] = {0, left, up, (left + up) / 2, png_paeth(left, up, corner)};
            trial[1 + i] = (uint8_t)(row[i] - guesses[filter]);
            sum += abs((int8_t)trial[1 + i]);
        }
        if (best_sum < 0 || sum < best_sum) best_sum = sum, memcpy(best, trial, size + 1);
    }
    free(trial);
}

static uint32_t png_crc(const uint8_t *data, size_t size) {
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
    }
    return ~crc;
}

static void png_write_chunk(FILE *file, const char *type, const uint8_t *data, size_t size) {
    png_buffer length = {0}, body = {0};
    png_put_u32(&length, (uint32_t)size);
    for (int i = 0; i < 4; i++) png_put_byte(&body, (uint8_t)type[i]);
    for (size_t i = 0; i < size; i++) png_put_byte(&body, data[i]);
    png_put_u32(&body, png_crc(body.data, body.size));
    fwrite(length.data, 1, length.size, file);
    fwrite(body.data, 1, body.size, file);
    free(length.data);
    free(body.data);
}

/* Write `rgb` (3 bytes a pixel, row by row from the top) to `path`. Returns 0, or -1 where the file cannot be written. */
static int png_write(const char *path, const uint8_t *rgb, int width, int height) {
    int stride = 3 * width, size = (stride + 1) * height;
    uint8_t *rows = malloc(size);
    FILE *file = fopen(path, "wb");
    if (!rows || !file) return -1;
    for (int y = 0; y < height; y++)
        png_filter_row(rgb + y * stride, y ? rgb + (y - 1) * stride : NULL, stride, rows + y * (stride + 1));

    png_buffer header = {0}, body = {0};
    png_put_u32(&header, width);
    png_put_u32(&header, height);
    for (int i = 0; i < 5; i++) png_put_byte(&header, (uint8_t[]){8, 2, 0, 0, 0}[i]);
    png_put_byte(&body, 0x78); /* zlib: deflate, 32 KB window */
    png_put_byte(&body, 0x01);
    png_deflate(&body, rows, size);
    uint32_t low = 1, high = 0;
    for (int i = 0; i < size; i++) low = (low + rows[i]) % 65521, high = (high + low) % 65521;
    png_put_u32(&body, high << 16 | low);

    fwrite("\x89PNG\r\n\x1a\n", 1, 8, file);
    png_write_chunk(file, "IHDR", header.data, header.size);
    png_write_chunk(file, "IDAT", body.data, body.size);
    png_write_chunk(file, "IEND", NULL, 0);
    free(header.data);
    free(body.data);
    free(rows);
    return fclose(file) ? -1 : 0;
}

#endif
