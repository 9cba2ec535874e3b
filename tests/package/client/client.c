/* SPDX-License-Identifier: Apache-2.0 */
/* client MODEL.bin OUT: runs the file's only model on made-up pixels and writes its outputs behind each
 * other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnn/hb_dnn.h"
#include "dnn/openhb_ext.h"

static void check(int32_t status, const char* what) {
  if (status == HB_DNN_SUCCESS) return;
  fprintf(stderr, "%s: status %d\n", what, (int)status);
  exit(1);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const char* file = argv[1];
  hbPackedDNNHandle_t pack = NULL;
  check(hbDNNInitializeFromFiles(&pack, &file, 1), "load");
  const char** names = NULL;
  int32_t models = 0, inputs = 0, outputs = 0;
  check(hbDNNGetModelNameList(&names, &models, pack), "names");
  hbDNNHandle_t model = NULL;
  check(hbDNNGetModelHandle(&model, pack, names[0]), "handle");
  check(hbDNNGetInputCount(&inputs, model), "inputs");
  check(hbDNNGetOutputCount(&outputs, model), "outputs");
  hbDNNTensor in[8], out[8];
  if (inputs > 8 || outputs > 8) return 2;
  memset(in, 0, sizeof in);
  memset(out, 0, sizeof out);
  for (int32_t i = 0; i < inputs; i++) {
    check(hbDNNGetInputTensorProperties(&in[i].properties, model, i), "input");
    check(hbSysAllocCachedMem(&in[i].sysMem[0], (uint32_t)in[i].properties.alignedByteSize), "memory");
    unsigned char* bytes = in[i].sysMem[0].virAddr;
    unsigned seed = 7;
    for (int32_t k = 0; k < in[i].properties.alignedByteSize; k++) {
      seed = seed * 1103515245u + 12345u;
      bytes[k] = (unsigned char)(seed >> 16);
    }
    check(hbSysFlushMem(&in[i].sysMem[0], HB_SYS_MEM_CACHE_CLEAN), "flush");
  }
  for (int32_t i = 0; i < outputs; i++) {
    check(hbDNNGetOutputTensorProperties(&out[i].properties, model, i), "output");
    check(hbSysAllocCachedMem(&out[i].sysMem[0], (uint32_t)out[i].properties.alignedByteSize), "memory");
  }
  hbDNNTaskHandle_t task = NULL;
  hbDNNTensor* results = out;
  hbDNNInferCtrlParam control;
  HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&control);
  check(hbDNNInfer(&task, &results, in, model, &control), "infer");
  check(hbDNNWaitTaskDone(task, 0), "wait");
  FILE* f = fopen(argv[2], "wb");
  if (!f) return 1;
  for (int32_t i = 0; i < outputs; i++) {
    check(hbSysFlushMem(&out[i].sysMem[0], HB_SYS_MEM_CACHE_INVALIDATE), "flush");
    fwrite(out[i].sysMem[0].virAddr, 1, (size_t)out[i].properties.alignedByteSize, f);
    check(hbSysFreeMem(&out[i].sysMem[0]), "free");
  }
  for (int32_t i = 0; i < inputs; i++) check(hbSysFreeMem(&in[i].sysMem[0]), "free");
  if (fclose(f)) return 1;
  check(hbDNNReleaseTask(task), "release task");
  check(hbDNNRelease(pack), "release");
  printf("%s\nCPU: %s\n", hbDNNGetVersion(), openhbGetCpuFeatures());
  return 0;
}
