/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a model once, from loading it to reading its first output. Usage: c_quick_start MODEL [INPUT]
 * INPUT: the bytes of the first input as the model wants them; without it the input is zeros. */
#include <stdio.h>
#include <stdlib.h>

#include "dnn/hb_dnn.h"
#include "dnn/openhb_ext.h"

#define MAX_TENSORS 16

/* Ends the program with the library's own words when a call fails. */
static void check(int32_t status, const char* what) {
  if (status == HB_DNN_SUCCESS) return;
  fprintf(stderr, "%s: %s: %s\n", what, openhbGetStatusName(status), openhbGetLastError());
  exit(1);
}

/* Memory for one tensor. Cached memory is fast for the CPU, but must be flushed. */
static void allocate(hbDNNTensor* tensor) {
  check(hbSysAllocCachedMem(&tensor->sysMem[0], (uint32_t)tensor->properties.alignedByteSize), "memory");
}

static void read_file(const char* name, hbSysMem* memory) {
  FILE* file = fopen(name, "rb");
  if (!file || fread(memory->virAddr, 1, memory->memSize, file) != memory->memSize) {
    fprintf(stderr, "%s: cannot be read, or is not %u bytes long\n", name, memory->memSize);
    exit(1);
  }
  fclose(file);
}

/* The largest element of a float tensor, which for a classifier is the class. Rows may be padded, so an
 * element is found by strides: index k of the last dimension that is longer than 1. */
static void print_best(const hbDNNTensor* tensor) {
  const hbDNNTensorProperties* p = &tensor->properties;
  int axis = 0, best = 0, k;
  const char* first = tensor->sysMem[0].virAddr;
  if (p->tensorType != HB_DNN_TENSOR_TYPE_F32) {
    printf("the first output is not float32, but of type %d\n", p->tensorType);
    return;
  }
  for (k = 0; k < p->validShape.numDimensions; ++k)
    if (p->validShape.dimensionSize[k] > 1) axis = k;
#define ELEMENT(k) (*(const float*)(first + (size_t)(k) * (size_t)p->stride[axis]))
  for (k = 1; k < p->validShape.dimensionSize[axis]; ++k)
    if (ELEMENT(k) > ELEMENT(best)) best = k;
  printf("largest of %d: [id]%d, [score]%.4f\n", p->validShape.dimensionSize[axis], best,
         (double)ELEMENT(best));
}

int main(int argc, char** argv) {
  hbPackedDNNHandle_t package;
  hbDNNHandle_t model;
  const char** names;
  const char* file;
  int32_t name_count, inputs = 0, outputs = 0, i;
  hbDNNTensor input[MAX_TENSORS], output_tensors[MAX_TENSORS];
  hbDNNTensor* output = output_tensors;
  hbDNNTaskHandle_t task = NULL; /* must be null before hbDNNInfer */
  hbDNNInferCtrlParam control;

  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: c_quick_start MODEL [INPUT]\n");
    return 2;
  }
  file = argv[1];
  printf("libdnn %s on %s\n", hbDNNGetVersion(), openhbGetCpuFeatures());

  /* 1. Load the file; take its first model. */
  check(hbDNNInitializeFromFiles(&package, &file, 1), file);
  check(hbDNNGetModelNameList(&names, &name_count, package), "names");
  check(hbDNNGetModelHandle(&model, package, names[0]), names[0]);

  /* 2. Memory for inputs and outputs. */
  check(hbDNNGetInputCount(&inputs, model), "inputs");
  check(hbDNNGetOutputCount(&outputs, model), "outputs");
  if (inputs > MAX_TENSORS || outputs > MAX_TENSORS) {
    fprintf(stderr, "more than %d tensors\n", MAX_TENSORS);
    return 1;
  }
  for (i = 0; i < inputs; ++i) {
    check(hbDNNGetInputTensorProperties(&input[i].properties, model, i), "input");
    allocate(&input[i]);
  }
  for (i = 0; i < outputs; ++i) {
    check(hbDNNGetOutputTensorProperties(&output[i].properties, model, i), "output");
    allocate(&output[i]);
  }

  /* 3. Fill the inputs, then make them visible to the library: CLEAN. */
  if (argc == 3) read_file(argv[2], &input[0].sysMem[0]);
  for (i = 0; i < inputs; ++i) check(hbSysFlushMem(&input[i].sysMem[0], HB_SYS_MEM_CACHE_CLEAN), "flush");

  /* 4. Run. hbDNNInfer returns at once; the outputs are there when the task is done. */
  HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&control);
  check(hbDNNInfer(&task, &output, input, model, &control), "hbDNNInfer");
  check(hbDNNWaitTaskDone(task, 0), "hbDNNWaitTaskDone");

  /* 5. Before the CPU reads what the library wrote: INVALIDATE. */
  for (i = 0; i < outputs; ++i)
    check(hbSysFlushMem(&output[i].sysMem[0], HB_SYS_MEM_CACHE_INVALIDATE), "flush");
  print_best(&output[0]);

  /* 6. Give everything back, tasks first. */
  check(hbDNNReleaseTask(task), "hbDNNReleaseTask");
  for (i = 0; i < inputs; ++i) check(hbSysFreeMem(&input[i].sysMem[0]), "free");
  for (i = 0; i < outputs; ++i) check(hbSysFreeMem(&output[i].sysMem[0]), "free");
  check(hbDNNRelease(package), "hbDNNRelease");
  return 0;
}
