/* A stand-in for libnvidia-ml.so.1, enough to drive NVIDIA's own Python binding without a GPU.
 *
 * FAKE_NVML chooses the machine: "two" plain GPUs (one of them older than MIG), "mig" (one GPU cut into instances, with
 * a gap in their numbering), "mixed" (an H100 as a whole beside one cut into instances of two sizes, with gaps), "lost" (a GPU that fell off the bus beside a healthy one), "none" (a driver, no GPU),
 * "broken" (a driver that does not initialise). It proves how answers are read, not how hardware behaves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };
enum { FIRST_INSTANCE = 100, INSTANCE_SLOTS = 4, GAP = 2, H100_SLOTS = 7 };

typedef struct { unsigned long long total, free, used; } Memory;

static int is_machine(const char *name) {
    const char *chosen = getenv("FAKE_NVML");
    return chosen && strcmp(chosen, name) == 0;
}

/* A handle is a number: 1 + index of a GPU, or FIRST_INSTANCE + slot of a MIG instance. */
static long number(void *handle) { return (long)handle; }
static int is_instance(void *handle) { return number(handle) >= FIRST_INSTANCE; }

/* Of the mixed machine: slot 1 holds a large instance, slots 5 and 6 small ones. */
static int is_mixed(void *handle) { return is_machine("mixed") && is_instance(handle); }
static int is_large(void *handle) { return is_mixed(handle) && number(handle) == FIRST_INSTANCE + 1; }

int nvmlInitWithFlags(unsigned flags) { (void)flags; return is_machine("broken") ? DRIVER_NOT_LOADED : SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }

const char *nvmlErrorString(int code) {
    switch (code) {
    case DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case GPU_IS_LOST: return "GPU is lost";
    default: return "Some Error";
    }
}

int nvmlSystemGetDriverVersion(char *text, unsigned size) {
    snprintf(text, size, "570.86.15");
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = is_machine("none") ? 0 : is_machine("mig") ? 1 : 2;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    if (is_machine("lost") && index == 0) return GPU_IS_LOST;
    *handle = (void *)(long)(1 + index);
    return SUCCESS;
}

int nvmlDeviceGetName(void *handle, char *text, unsigned size) {
    const char *name = is_large(handle)    ? "NVIDIA H100 80GB HBM3 MIG 3g.40gb"
                     : is_mixed(handle)    ? "NVIDIA H100 80GB HBM3 MIG 1g.10gb"
                     : is_machine("mixed") ? "NVIDIA H100 80GB HBM3"
                     : is_instance(handle) ? "NVIDIA A100-SXM4-40GB MIG 1g.5gb"
                     : is_machine("mig")   ? "NVIDIA A100-SXM4-40GB"
                     : number(handle) == 1 ? "NVIDIA H100 80GB HBM3"
                                           : "Tesla P100-PCIE-16GB";
    snprintf(text, size, "%s", name);
    return SUCCESS;
}

int nvmlDeviceGetUUID(void *handle, char *text, unsigned size) {
    snprintf(text, size, is_instance(handle) ? "MIG-%ld" : "GPU-%ld", number(handle));
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *handle, Memory *memory) {
    memset(memory, 0, sizeof *memory);
    memory->total = is_large(handle)                             ? 41943040000ULL
                  : is_mixed(handle)                             ? 10485760000ULL
                  : is_machine("mixed")                          ? 85520809984ULL
                  : is_instance(handle) ? 5100273664ULL : number(handle) == 1 ? 85520809984ULL : 17179869184ULL;
    memory->used = 2048000000ULL;
    return SUCCESS;
}

int nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor) {
    int is_old = number(handle) == 2 && !is_machine("mixed");
    *major = is_machine("mig") ? 8 : is_old ? 6 : 9;
    *minor = 0;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    if (number(handle) == 2 && !is_machine("mixed")) return NOT_SUPPORTED;
    *current = *pending = is_machine("mig") || (is_machine("mixed") && number(handle) == 2);
    return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *count) {
    (void)handle;
    *count = is_machine("mixed") ? H100_SLOTS : INSTANCE_SLOTS;
    return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned slot, void **instance) {
    (void)handle;
    if (is_machine("mixed") ? slot != 1 && slot != 5 && slot != 6 : slot == GAP) return NOT_FOUND;
    *instance = (void *)(long)(FIRST_INSTANCE + slot);
    return SUCCESS;
}

/* --- what jobs take: the older GPU counts no energy, as before Volta; the other 1.5 J from one question to the next -- */

typedef struct { unsigned gpu, memory; } Utilization;

int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle) {
    long which = strncmp(uuid, "GPU-", 4) == 0 ? strtol(uuid + 4, NULL, 10) : 0;
    if (which < 1 || which > 2) return NOT_FOUND;
    if (is_machine("lost") && which == 1) return GPU_IS_LOST;
    *handle = (void *)which;
    return SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *millijoules) {
    static unsigned long long drawn = 7000000;
    if (number(handle) == 2) return NOT_SUPPORTED;
    *millijoules = drawn += 1500;
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(void *handle, Utilization *rates) {
    rates->gpu = number(handle) == 1 ? 80 : 40;
    rates->memory = 10;
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts) {
    if (number(handle) != 1) return NOT_SUPPORTED;
    *milliwatts = 412500;
    return SUCCESS;
}

int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *celsius) {
    if (number(handle) != 1 || sensor != 0) return NOT_SUPPORTED;
    *celsius = 61;
    return SUCCESS;
}
