/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that the library reads inputs from and writes outputs to.
 *
 * Threads: all functions may be called at the same time, from any thread, for different memory; for the same
 * memory only hbSysReadMem. */
#ifndef DNN_HB_SYS_H
#define DNN_HB_SYS_H

#include <stdint.h>

#include "dnn/hb_dnn_status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uint64_t phyAddr; /* here the same number as virAddr; parts of a block may be made by adding to both */
  void* virAddr;
  uint32_t memSize; /* bytes */
} hbSysMem;

typedef enum {
  HB_SYS_MEM_CACHE_INVALIDATE = 1, /* before the CPU reads what the library wrote */
  HB_SYS_MEM_CACHE_CLEAN = 2       /* after the CPU has written what the library will read */
} hbSysMemFlushFlag;

/* Memory without cache: needs no flushing. Filled with zeros. Aligned to 64 bytes.
 * HB_SYS_INVALID_ARGUMENT: mem is null or size is 0. HB_SYS_OUT_OF_MEMORY: the system (or
 * HB_DNN_SIM_BPU_MEM_SIZE) has no more. */
int32_t hbSysAllocMem(hbSysMem* mem, uint32_t size);

/* The same with cache: must be flushed, see hbSysFlushMem. */
int32_t hbSysAllocCachedMem(hbSysMem* mem, uint32_t size);

/* flag: hbSysMemFlushFlag. On memory without cache it does nothing and warns. mem may be a part of an
 * allocated or registered block. HB_SYS_INVALID_ARGUMENT: mem is null, empty, or not all of it is in one such
 * block; another flag. On the processors that this library runs on caches are coherent and the call costs
 * nothing; with OPENHB_CHECK_MEM=1 (or openhbSetMemoryCheck) data that was not flushed is poison, as it may
 * be on other boards. */
int32_t hbSysFlushMem(hbSysMem* mem, int32_t flag);

/* Of memory from hbSysAlloc*Mem, once, when no task uses it. *mem is zeroed. HB_SYS_INVALID_ARGUMENT for
 * memory that did not come from there or was freed. */
int32_t hbSysFreeMem(hbSysMem* mem);

/* Copies size bytes; flushes. HB_SYS_INVALID_ARGUMENT: null, size > memSize, or not memory of a block. */
int32_t hbSysWriteMem(hbSysMem* dest, char* src, uint32_t size);
int32_t hbSysReadMem(char* dest, hbSysMem* src, uint32_t size);

/* Makes memory that came from elsewhere (phyAddr and memSize are known) known to the library as cached
 * memory; sets virAddr. The memory must stay valid until hbSysUnregisterMem, which takes the whole block
 * again. HB_SYS_REGISTER_MEM_FAILED: overlaps with known memory. HB_SYS_INVALID_ARGUMENT: null, phyAddr or
 * memSize is 0, or not a registered block. */
int32_t hbSysRegisterMem(hbSysMem* mem);
int32_t hbSysUnregisterMem(hbSysMem* mem);

#ifdef __cplusplus
}
#endif

#endif /* DNN_HB_SYS_H */
