/* A simulated NVML: answers from the file that $NVMLSIM_STATE names, read at
 * every query. Package nvmlsim documents the format. Compiled against
 * nvml.h of github.com/NVIDIA/go-nvml, which fixes names and layouts. */
#include "nvml.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define MAX_GPUS 16
#define MAX_ENTRIES 32

struct gpu {
	char name[96], uuid[80];
	unsigned long long total, used, reasons, corrected, uncorrected;
	double celsius, idle, tau, since, power, limit, busy, memory_busy, energy;
	unsigned int sm, max_clock, memory_clock;
	int lost, processes, held, xids;
	unsigned long long xid[MAX_ENTRIES];
	unsigned int pid[MAX_ENTRIES];
	unsigned long long process_memory[MAX_ENTRIES], held_memory[MAX_ENTRIES];
	double until[MAX_ENTRIES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct gpu gpus[MAX_GPUS];
static char driver[80];
static unsigned int count;
/* ready counts the calls of nvmlInit that no nvmlShutdown has answered: the
 * true library keeps such a count too (nvml.h, nvmlInit_v2). */
static int ready;

static double now(void)
{
	struct timeval t;
	gettimeofday(&t, NULL);
	return t.tv_sec + t.tv_usec / 1e6;
}

/* line reads one line into the state that is being built. */
static void line(char *text, struct gpu *list, unsigned int *n)
{
	text[strcspn(text, "\r\n")] = 0;
	if (sscanf(text, "driver %79[^\n]", driver) == 1)
		return;
	if (strncmp(text, "gpu", 3) == 0) {
		if (*n < MAX_GPUS)
			memset(&list[(*n)++], 0, sizeof *list);
		return;
	}
	if (*n == 0)
		return;
	struct gpu *g = &list[*n - 1];
	if (strncmp(text, "lost", 4) == 0)
		g->lost = 1;
	sscanf(text, "name %95[^\n]", g->name);
	sscanf(text, "uuid %79[^\n]", g->uuid);
	sscanf(text, "memory %llu %llu", &g->total, &g->used);
	sscanf(text, "temperature %lf %lf %lf %lf", &g->celsius, &g->idle, &g->tau, &g->since);
	sscanf(text, "clocks %u %u %u", &g->sm, &g->max_clock, &g->memory_clock);
	sscanf(text, "power %lf %lf", &g->power, &g->limit);
	sscanf(text, "utilisation %lf %lf", &g->busy, &g->memory_busy);
	sscanf(text, "reasons %llu", &g->reasons);
	sscanf(text, "energy %lf", &g->energy);
	sscanf(text, "ecc %llu %llu", &g->corrected, &g->uncorrected);
	if (g->processes < MAX_ENTRIES && sscanf(text, "process %u %llu", &g->pid[g->processes], &g->process_memory[g->processes]) == 2)
		g->processes++;
	if (g->xids < MAX_ENTRIES && sscanf(text, "xid %llu", &g->xid[g->xids]) == 1)
		g->xids++;
	if (g->held < MAX_ENTRIES && sscanf(text, "held %llu %lf", &g->held_memory[g->held], &g->until[g->held]) == 2)
		g->held++;
}

/* load reads the file; the caller holds the lock. */
static nvmlReturn_t load(void)
{
	static struct gpu fresh[MAX_GPUS];
	unsigned int n = 0;
	char text[256];
	const char *path = getenv("NVMLSIM_STATE");
	FILE *f = path ? fopen(path, "r") : NULL;
	if (!f)
		return NVML_ERROR_DRIVER_NOT_LOADED;
	while (fgets(text, sizeof text, f))
		line(text, fresh, &n);
	fclose(f);
	memcpy(gpus, fresh, sizeof gpus);
	count = n;
	return NVML_SUCCESS;
}

/* look copies the present state of a device. */
static nvmlReturn_t look(nvmlDevice_t device, struct gpu *g)
{
	unsigned long index = (unsigned long)device.handle - 1;
	nvmlReturn_t r;
	pthread_mutex_lock(&lock);
	r = ready ? load() : NVML_ERROR_UNINITIALIZED;
	if (r == NVML_SUCCESS && index >= count)
		r = NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && gpus[index].lost)
		r = NVML_ERROR_GPU_IS_LOST;
	if (r == NVML_SUCCESS)
		*g = gpus[index];
	pthread_mutex_unlock(&lock);
	return r;
}

/* LOOK begins a query of a device. */
#define LOOK                                     \
	struct gpu g;                            \
	nvmlReturn_t r = look(device, &g);       \
	if (r != NVML_SUCCESS)                   \
		return r

static nvmlReturn_t text(char *into, unsigned int length, const char *value)
{
	if (strlen(value) + 1 > length)
		return NVML_ERROR_INSUFFICIENT_SIZE;
	strcpy(into, value);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlInit(void)
{
	nvmlReturn_t r;
	pthread_mutex_lock(&lock);
	r = load();
	if (r == NVML_SUCCESS)
		ready++;
	pthread_mutex_unlock(&lock);
	return r;
}

nvmlReturn_t nvmlInitWithFlags(unsigned int flags) { (void)flags; return nvmlInit(); }

nvmlReturn_t nvmlShutdown(void)
{
	nvmlReturn_t r = NVML_ERROR_UNINITIALIZED;
	pthread_mutex_lock(&lock);
	if (ready > 0) {
		ready--;
		r = NVML_SUCCESS;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

const char *nvmlErrorString(nvmlReturn_t r)
{
	switch (r) {
	case NVML_SUCCESS: return "Success";
	case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
	case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
	case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
	case NVML_ERROR_NOT_FOUND: return "Not Found";
	case NVML_ERROR_INSUFFICIENT_SIZE: return "Insufficient Size";
	case NVML_ERROR_DRIVER_NOT_LOADED: return "Driver Not Loaded";
	case NVML_ERROR_GPU_IS_LOST: return "GPU is lost";
	default: return "Unknown Error";
	}
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *into, unsigned int length) { return text(into, length, driver); }
nvmlReturn_t nvmlSystemGetNVMLVersion(char *into, unsigned int length) { return text(into, length, "simulated"); }

nvmlReturn_t nvmlDeviceGetCount(unsigned int *n)
{
	if (!ready)
		return NVML_ERROR_UNINITIALIZED;
	*n = count;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t *device)
{
	if (!ready)
		return NVML_ERROR_UNINITIALIZED;
	if (index >= count)
		return NVML_ERROR_INVALID_ARGUMENT;
	device->handle = (void *)(unsigned long)(index + 1);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
	unsigned int i = 0;
	pthread_mutex_lock(&lock);
	while (i < count && strcmp(gpus[i].uuid, uuid) != 0)
		i++;
	pthread_mutex_unlock(&lock);
	return i < count ? nvmlDeviceGetHandleByIndex(i, device) : NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int *index)
{
	*index = (unsigned long)device.handle - 1;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *into, unsigned int length) { LOOK; return text(into, length, g.name); }
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *into, unsigned int length) { LOOK; return text(into, length, g.uuid); }

static unsigned long long used(const struct gpu *g)
{
	unsigned long long sum = g->used;
	for (int i = 0; i < g->held; i++)
		if (now() < g->until[i])
			sum += g->held_memory[i];
	return sum < g->total ? sum : g->total;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *m)
{
	LOOK;
	m->total = g.total;
	m->used = used(&g);
	m->free = m->total - m->used;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *m)
{
	LOOK;
	m->total = g.total;
	m->reserved = 0;
	m->used = used(&g);
	m->free = m->total - m->used;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensor, unsigned int *celsius)
{
	LOOK;
	if (sensor != NVML_TEMPERATURE_GPU)
		return NVML_ERROR_INVALID_ARGUMENT;
	double t = g.celsius, age = now() - g.since;
	if (g.tau > 0)
		t = g.idle + (t - g.idle) * exp(-(age > 0 ? age : 0) / g.tau);
	*celsius = t > 0 ? (unsigned int)(t + 0.5) : 0;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *u)
{
	LOOK;
	u->gpu = (unsigned int)(g.busy * 100 + 0.5);
	u->memory = (unsigned int)(g.memory_busy * 100 + 0.5);
	return NVML_SUCCESS;
}

static nvmlReturn_t watts(double w, unsigned int *milliwatts)
{
	*milliwatts = (unsigned int)(w * 1000 + 0.5);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int *mw) { LOOK; return watts(g.power, mw); }
nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned int *mw) { LOOK; return watts(g.limit, mw); }
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned int *mw) { LOOK; return watts(g.limit, mw); }

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *mj)
{
	LOOK;
	*mj = (unsigned long long)(g.energy * 1000 + 0.5);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int *mhz)
{
	LOOK;
	*mhz = type == NVML_CLOCK_MEM ? g.memory_clock : g.sm;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int *mhz)
{
	LOOK;
	*mhz = type == NVML_CLOCK_MEM ? g.memory_clock : g.max_clock;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long *reasons)
{
	LOOK;
	*reasons = g.reasons;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons)
{
	return nvmlDeviceGetCurrentClocksEventReasons(device, reasons);
}

nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, nvmlEnableState_t *current, nvmlEnableState_t *pending)
{
	LOOK;
	*current = *pending = NVML_FEATURE_ENABLED;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, nvmlMemoryErrorType_t type, nvmlEccCounterType_t counter, unsigned long long *n)
{
	(void)counter;
	LOOK;
	*n = type == NVML_MEMORY_ERROR_TYPE_CORRECTED ? g.corrected : g.uncorrected;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device, unsigned int *n, nvmlProcessInfo_t *list)
{
	LOOK;
	unsigned int room = *n;
	*n = g.processes;
	if (room < *n)
		return NVML_ERROR_INSUFFICIENT_SIZE;
	for (unsigned int i = 0; i < *n; i++) {
		memset(&list[i], 0xff, sizeof list[i]); /* no MIG instance */
		list[i].pid = g.pid[i];
		list[i].usedGpuMemory = g.process_memory[i];
	}
	return NVML_SUCCESS;
}

/* One event set serves: it delivers the Xids that the file has gained since
 * the device was registered. */
static int registered[MAX_GPUS], delivered[MAX_GPUS];

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set)
{
	memset(registered, 0, sizeof registered);
	set->handle = (void *)registered;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) { (void)set; return NVML_SUCCESS; }

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set)
{
	(void)set;
	LOOK;
	if (types != nvmlEventTypeXidCriticalError)
		return NVML_ERROR_NOT_SUPPORTED;
	unsigned long i = (unsigned long)device.handle - 1;
	registered[i] = 1;
	delivered[i] = g.xids;
	return NVML_SUCCESS;
}

/* Waiting is not simulated: what has not come yet is a time-out at once. */
nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned int ms)
{
	nvmlReturn_t r;
	(void)set;
	(void)ms;
	pthread_mutex_lock(&lock);
	r = ready ? load() : NVML_ERROR_UNINITIALIZED;
	if (r == NVML_SUCCESS) {
		r = NVML_ERROR_TIMEOUT;
		for (unsigned int i = 0; i < count && r == NVML_ERROR_TIMEOUT; i++) {
			if (!registered[i] || delivered[i] >= gpus[i].xids)
				continue;
			memset(data, 0xff, sizeof *data); /* no MIG instance */
			data->device.handle = (void *)(unsigned long)(i + 1);
			data->eventType = nvmlEventTypeXidCriticalError;
			data->eventData = gpus[i].xid[delivered[i]++];
			r = NVML_SUCCESS;
		}
	}
	pthread_mutex_unlock(&lock);
	return r;
}

/* The counters of the links and the memory's temperature are not simulated. */
nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int n, nvmlFieldValue_t *values)
{
	LOOK;
	for (int i = 0; i < n; i++)
		values[i].nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
	return NVML_SUCCESS;
}
