/* A stand-in for libnvidia-ml.so.1, enough to drive NVIDIA's own Python binding without a GPU.
 *
 * FAKE_NVML chooses the machine: "two" plain GPUs (one of them older than MIG), "mig" (one GPU cut into instances, with
 * a gap in their numbering), "lost" (a GPU that fell off the bus beside a healthy one), "none" (a driver, no GPU),
 * "broken" (a driver that does not initialise). It proves how answers are read, not how hardware behaves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };
enum { FIRST_INSTANCE = 100, INSTANCE_SLOTS = 4, GAP = 2 };

typedef struct { unsigned long long total, free, used; } Memory;

static int is_machine(const char *name) {
    const char *chosen = getenv("FAKE_NVML");
    return chosen && strcmp(chosen, name) == 0;
}

/* A handle is a number: 1 + index of a GPU, or FIRST_INSTANCE + slot of a MIG instance. */
static long number(void *handle) { return (long)handle; }
static int is_instance(void *handle) { return number(handle) >= FIRST_INSTANCE; }

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
    const char *name = is_instance(handle) ? "NVIDIA A100-SXM4-40GB MIG 1g.5gb"
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
    memory->total = is_instance(handle) ? 5100273664ULL : number(handle) == 1 ? 85520809984ULL : 17179869184ULL;
    memory->used = 2048000000ULL;
    return SUCCESS;
}

int nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor) {
    int is_old = number(handle) == 2;
    *major = is_machine("mig") ? 8 : is_old ? 6 : 9;
    *minor = 0;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    if (number(handle) == 2) return NOT_SUPPORTED;
    *current = *pending = is_machine("mig");
    return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *count) {
    (void)handle;
    *count = INSTANCE_SLOTS;
    return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned slot, void **instance) {
    (void)handle;
    if (slot == GAP) return NOT_FOUND;
    *instance = (void *)(long)(FIRST_INSTANCE + slot);
    return SUCCESS;
}

/* What a GPU does now: the first says it, the second cannot. */
int nvmlDeviceGetUtilizationRates(void *handle, unsigned use[2]) {
    if (number(handle) != 1) return NOT_SUPPORTED;
    use[0] = 87;
    use[1] = 40;
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
