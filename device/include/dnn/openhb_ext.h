/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenHB offers beyond hb_dnn.h. Structures start with structSize, which the caller sets to sizeof, so
 * that later versions can append fields. All functions may be called from any thread at any time. */
#ifndef DNN_OPENHB_EXT_H
#define DNN_OPENHB_EXT_H

#include "dnn/hb_dnn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The sentence that goes with the last failure of a function of this library on the calling thread: what
 * failed, where, what to do. Never null; valid until the next call of the library on this thread. */
const char* openhbGetLastError(void);
/* "HB_DNN_TIMEOUT" for -6000008, and so on; "unknown status" for others. */
const char* openhbGetStatusName(int32_t status);
/* The instruction sets in use, e.g. "neon dotprod". */
const char* openhbGetCpuFeatures(void);

/* Threads of a BPU core (HB_BPU_CORE_0 or _1), and the CPUs they may run on: bit i of cpuMask is CPU i, 0:
 * all. The default is half of the CPUs for each of the two cores (OPENHB_THREADS=n changes it). Results do
 * not depend on it. HB_DNN_API_USE_ERROR: a task is running or waiting, or the call is made in a callback;
 * HB_DNN_INVALID_ARGUMENT: threads is
 * not 1 to 64, or no CPU of the mask exists. */
int32_t openhbSetCoreThreads(int32_t bpuCoreId, int32_t threads, uint64_t cpuMask);
int32_t openhbGetCoreThreads(int32_t bpuCoreId, int32_t* threads, uint64_t* cpuMask);

typedef struct {
  uint32_t structSize;
  uint64_t weightBytes;   /* mapped from the file: shared by all handles and processes */
  uint64_t arenaBytes;    /* private, per run of the model that goes on at the same time */
  uint64_t overheadBytes; /* private, about: descriptions and bound kernels */
  uint64_t peakBytes;     /* the sum of these */
} openhbMemoryPlan;

/* What the model of a file (modelName null: its only one) will need, without loading it. */
int32_t openhbGetFileMemoryPlan(openhbMemoryPlan* plan, const char* modelFileName, const char* modelName);

typedef struct {
  uint32_t structSize;
  uint64_t arenaBytes;   /* of one arena */
  int32_t arenas;        /* made so far: as many as runs went on at the same time, at least one */
  uint64_t privateBytes; /* all arenas */
  uint64_t weightBytes;  /* mapped */
} openhbModelMemory;
int32_t openhbGetModelMemory(openhbModelMemory* memory, hbDNNHandle_t dnnHandle);

/* Arena bytes that the task's runs need at a time. */
int32_t openhbGetTaskMemory(uint64_t* bytes, hbDNNTaskHandle_t taskHandle);

typedef struct {
  uint32_t structSize;
  int32_t bpuCoreId;      /* that ran it; 0: not started */
  uint64_t pendingNs;     /* from hbDNNInfer to the start */
  uint64_t runningNs;     /* from the start to the end, interruptions included */
  uint64_t interruptedNs; /* for tasks of priority HB_DNN_PRIORITY_PREEMP */
  int32_t interruptions;
} openhbTaskTimes;
/* Of a task that is done. HB_DNN_API_USE_ERROR before. */
int32_t openhbGetTaskTimes(openhbTaskTimes* times, hbDNNTaskHandle_t taskHandle);

/* Debug mode of cached memory: the library and the CPU see cached memory through two copies, which only
 * hbSysFlushMem brings together; what was never flushed is the byte 0xA5. A missing flush is told in the log
 * and gives wrong results on every machine, not only on some boards. For memory allocated or registered after
 * the call. on: 0 or 1; -1: as OPENHB_CHECK_MEM says, which also holds before the first call. */
int32_t openhbSetMemoryCheck(int32_t on);

#ifdef __cplusplus
}
#endif

#endif /* DNN_OPENHB_EXT_H */
