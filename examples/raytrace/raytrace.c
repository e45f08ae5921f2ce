/* Ray traces a hive: honey-coloured spheres in hexagonal cells over a polished floor.
 *
 *     raytrace picture.png [width] [height] [rays per pixel]      default 480 300 16
 *
 * Whitted's recursive method (1980) with Schlick's reflectance, soft shadows and anti-aliasing. The noise comes from a
 * hash of pixel and ray, so that the same arguments give the same picture to the byte.
 */
#include <math.h>

#include "../lib/png.h"

enum { MAX_BOUNCES = 5, RINGS = 2, MAX_SPHERES = 32 };

typedef struct {
    double x, y, z;
} vec;

typedef struct {
    vec centre;
    double radius;
    vec colour;
    double mirror; /* share of light reflected head on */
} sphere;

typedef struct {
    double distance;
    vec point, normal, colour;
    double mirror;
} hit;

static const vec SUN = {-3.5, 7.5, -3.0};
static const double SUN_RADIUS = 0.9, NEAR = 1e-6;

static sphere spheres[MAX_SPHERES];
static int sphere_count;
static uint64_t noise_state;

static vec v(double x, double y, double z) { return (vec){x, y, z}; }
static vec add(vec a, vec b) { return v(a.x + b.x, a.y + b.y, a.z + b.z); }
static vec sub(vec a, vec b) { return v(a.x - b.x, a.y - b.y, a.z - b.z); }
static vec scale(vec a, double k) { return v(a.x * k, a.y * k, a.z * k); }
static vec times(vec a, vec b) { return v(a.x * b.x, a.y * b.y, a.z * b.z); }
static double dot(vec a, vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static vec unit(vec a) { return scale(a, 1 / sqrt(dot(a, a))); }
static vec mix(vec a, vec b, double share) { return add(scale(a, 1 - share), scale(b, share)); }

/* splitmix64 */
static double noise(void) {
    uint64_t z = noise_state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static void build_hive(void) {
    for (int q = -RINGS; q <= RINGS; q++)
        for (int r = -RINGS; r <= RINGS; r++) {
            int ring = (abs(q) + abs(r) + abs(q + r)) / 2;
            if (ring > RINGS) continue;
            sphere *cell = &spheres[sphere_count++];
            cell->radius = ring == 0 ? 0.62 : ring == 1 ? 0.46 : 0.34;
            cell->centre = v(1.12 * (q + r / 2.0), cell->radius, 1.12 * r * sqrt(3) / 2);
            cell->mirror = ring == 0 ? 0.85 : ring == 1 ? 0.12 : 0.04;
            double hue = (sphere_count * 7 % 12) / 12.0;
            cell->colour = ring == 0   ? v(0.98, 0.97, 0.94)
                           : ring == 1 ? v(0.90, 0.42 + 0.10 * hue, 0.02)
                                       : mix(v(0.52, 0.12, 0.015), v(0.92, 0.60, 0.10), hue);
        }
}

static vec sky(vec direction) {
    double height = fmax(0, direction.y);
    vec colour = mix(v(0.98, 0.70, 0.48), v(0.12, 0.26, 0.60), pow(height, 0.45));
    double glow = fmax(0, dot(direction, unit(SUN)));
    return add(colour, scale(v(1.0, 0.85, 0.6), 0.8 * pow(glow, 64)));
}

/* The floor: hexagonal tiles in three shades, no two neighbours alike. */
static vec floor_colour(vec point) {
    double r = point.z / (0.56 * sqrt(3) / 2), q = point.x / 0.56 - r / 2;
    double cube[3] = {q, r, -q - r}, whole[3], error[3];
    for (int i = 0; i < 3; i++) whole[i] = floor(cube[i] + 0.5), error[i] = fabs(cube[i] - whole[i]);
    int worst = error[0] > error[1] ? (error[0] > error[2] ? 0 : 2) : (error[1] > error[2] ? 1 : 2);
    whole[worst] = -whole[(worst + 1) % 3] - whole[(worst + 2) % 3];
    int shade = (((int)whole[0] - (int)whole[1]) % 3 + 3) % 3;
    return shade == 0 ? v(0.10, 0.085, 0.08) : shade == 1 ? v(0.16, 0.135, 0.12) : v(0.24, 0.20, 0.17);
}

static int nearest(vec origin, vec direction, hit *found) {
    found->distance = INFINITY;
    for (int i = 0; i < sphere_count; i++) {
        vec to = sub(spheres[i].centre, origin);
        double along = dot(to, direction), gap = spheres[i].radius * spheres[i].radius - dot(to, to) + along * along;
        if (gap < 0) continue;
        double distance = along - sqrt(gap);
        if (distance < NEAR || distance >= found->distance) continue;
        vec point = add(origin, scale(direction, distance));
        *found = (hit){distance, point, unit(sub(point, spheres[i].centre)), spheres[i].colour, spheres[i].mirror};
    }
    double distance = direction.y < -NEAR ? -origin.y / direction.y : INFINITY;
    if (distance > NEAR && distance < found->distance) {
        vec point = add(origin, scale(direction, distance));
        *found = (hit){distance, point, v(0, 1, 0), floor_colour(point), 0.10};
    }
    return found->distance < INFINITY;
}

static double lit_share(vec point, vec normal, vec *towards) {
    vec target = add(SUN, v((noise() - 0.5) * 2 * SUN_RADIUS, (noise() - 0.5) * 2 * SUN_RADIUS, (noise() - 0.5) * 2 * SUN_RADIUS));
    *towards = unit(sub(target, point));
    double facing = dot(normal, *towards);
    hit blocker;
    if (facing <= 0 || nearest(add(point, scale(normal, 1e-5)), *towards, &blocker)) return 0;
    return facing;
}

static vec trace(vec origin, vec direction, int bounces) {
    hit at;
    if (!nearest(origin, direction, &at)) return sky(direction);
    vec towards;
    double light = lit_share(at.point, at.normal, &towards);
    double from_sky = 0.30 * (0.55 + 0.45 * at.normal.y);
    vec colour = times(at.colour, add(scale(v(1.0, 0.93, 0.80), 1.05 * light), scale(v(0.75, 0.82, 1.0), from_sky)));

    double facing = fmin(1, -dot(direction, at.normal));
    double reflected = at.mirror + (1 - at.mirror) * pow(1 - facing, 5);
    vec mirrored = sub(direction, scale(at.normal, 2 * dot(direction, at.normal)));
    if (bounces < MAX_BOUNCES && reflected > 0.01) {
        vec seen = trace(add(at.point, scale(at.normal, 1e-5)), mirrored, bounces + 1);
        colour = mix(colour, at.mirror > 0.1 ? times(seen, mix(at.colour, v(1, 1, 1), 0.5)) : seen, reflected);
    }
    if (light > 0) colour = add(colour, scale(v(1, 0.95, 0.85), 0.6 * pow(fmax(0, dot(mirrored, towards)), 90)));
    double haze = 1 - exp(-0.0006 * at.distance * at.distance);
    return mix(colour, sky(v(direction.x, fabs(direction.y), direction.z)), haze);
}

static uint8_t to_byte(double light) {
    light *= 0.62; /* exposure */
    double film = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14); /* Narkowicz' fit of ACES */
    return (uint8_t)(255 * pow(fmin(1, fmax(0, film)), 1 / 2.2) + 0.5);
}

static int argument(int argc, char **argv, int index, int otherwise, int top) {
    int value = argc > index ? atoi(argv[index]) : otherwise;
    if (value >= 1 && value <= top) return value;
    fprintf(stderr, "raytrace: argument %d must be 1 to %d\n", index, top);
    exit(1);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: raytrace picture.png [width] [height] [rays per pixel]\n", stderr);
        return 1;
    }
    int width = argument(argc, argv, 2, 480, 4096), height = argument(argc, argv, 3, 300, 4096);
    int rays = argument(argc, argv, 4, 16, 4096);
    uint8_t *rgb = malloc((size_t)3 * width * height);
    if (!rgb) return 1;
    build_hive();
    vec eye = v(0.9, 2.2, -4.6), forward = unit(sub(v(0, 0.22, 0), eye));
    vec right = unit(v(forward.z, 0, -forward.x));
    vec up = v(forward.y * right.z - forward.z * right.y, forward.z * right.x - forward.x * right.z,
               forward.x * right.y - forward.y * right.x);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            vec sum = v(0, 0, 0);
            noise_state = ((uint64_t)y << 32 | (uint64_t)x) * 0x2545F4914F6CDD1Du;
            for (int ray = 0; ray < rays; ray++) {
                double across = (x + noise() - width / 2.0) / height * 0.95, down = (height / 2.0 - y - noise()) / height * 0.95;
                vec direction = unit(add(forward, add(scale(right, across), scale(up, down))));
                sum = add(sum, trace(eye, direction, 0));
            }
            uint8_t *out = rgb + 3 * ((size_t)y * width + x);
            out[0] = to_byte(sum.x / rays), out[1] = to_byte(sum.y / rays), out[2] = to_byte(sum.z / rays);
        }
    if (png_write(argv[1], rgb, width, height)) {
        fprintf(stderr, "raytrace: cannot write %s\n", argv[1]);
        return 1;
    }
    printf("%d x %d pixels, %d rays each -> %s\n", width, height, rays, argv[1]);
    return 0;
}
