/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators of your own. docs/custom-operators.md is the guide, examples/custom_op a complete example.
 *
 * A plug-in is a shared library (.so) that exports openhb_plugin_get(). One build of it for x86-64 serves the
 * converter (hb_mapper) and the simulator, one for aarch64 the board. This header is all that it needs: C99
 * or C++, and nothing of OpenHB is linked.
 *
 * Versions. OPENHB_PLUGIN_ABI changes when older plug-ins can no longer be used. Until then structs only grow
 * at their end: those with a field `size` say how much of them there is, and neither side touches what lies
 * behind (fields that a plug-in does not have count as 0). The others (openhb_tensor, openhb_string,
 * openhb_attribute, openhb_attribute_rule, openhb_error) never change.
 *
 * Ownership. What a callback is given belongs to the caller and is valid during the call only. The tables
 * that openhb_plugin_get() and hbDNNRegisterLayerCreator() hand over must stay valid and unchanged for as
 * long as the process lives; a plug-in is never unloaded. An instance belongs to the plug-in, from create()
 * to destroy().
 *
 * Threads. infer(), create(), cost() and destroy() may be called from any thread and at the same time. For
 * one instance max_parts(), scratch_size() and run() are called one after the other, except the parts of one
 * run(). Instances share nothing unless the plug-in makes them.
 *
 * Errors. Callbacks that return int32_t give OPENHB_OK, or anything else after a failure; then they say why
 * in openhb_error. Exceptions must not leave a callback, and a callback must not end the process.
 */
#ifndef OPENHB_PLUGIN_H
#define OPENHB_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OPENHB_PLUGIN_ABI 1u
#define OPENHB_MAX_RANK 8
#define OPENHB_MAX_PORTS 62
#define OPENHB_OK 0

#if defined(_WIN32)
#define OPENHB_PLUGIN_EXPORT
#else
#define OPENHB_PLUGIN_EXPORT __attribute__((visibility("default")))
#endif

/* Element types; the numbers are those of ONNX (TensorProto.DataType). float16, bfloat16 and double tensors
 * of a model are computed in float32 and arrive as such. */
enum {
  OPENHB_TYPE_NONE = 0, /* of an optional input that is absent */
  OPENHB_TYPE_FLOAT = 1,
  OPENHB_TYPE_UINT8 = 2,
  OPENHB_TYPE_INT8 = 3,
  OPENHB_TYPE_UINT16 = 4,
  OPENHB_TYPE_INT16 = 5,
  OPENHB_TYPE_INT32 = 6,
  OPENHB_TYPE_INT64 = 7,
  OPENHB_TYPE_BOOL = 9, /* one byte, 0 or 1 */
  OPENHB_TYPE_UINT32 = 12,
  OPENHB_TYPE_UINT64 = 13
};

/* A tensor: dense, in the order of axes that ONNX defines (pictures: N, C, H, W). */
typedef struct openhb_tensor {
  int32_t type; /* OPENHB_TYPE_... */
  int32_t rank; /* 0 to OPENHB_MAX_RANK; 0 is a single value */
  int64_t dims[OPENHB_MAX_RANK];
  const void* data; /* of a constant, whose values are known before anything runs; else NULL */
} openhb_tensor;

typedef struct openhb_string {
  const char* data; /* a 0 follows, which `size` does not count */
  uint64_t size;
} openhb_string;

/* Kinds of attributes; the numbers are those of ONNX (AttributeProto.AttributeType). */
enum {
  OPENHB_ATTRIBUTE_FLOAT = 1,
  OPENHB_ATTRIBUTE_INT = 2,
  OPENHB_ATTRIBUTE_STRING = 3,
  OPENHB_ATTRIBUTE_TENSOR = 4,
  OPENHB_ATTRIBUTE_FLOATS = 6,
  OPENHB_ATTRIBUTE_INTS = 7,
  OPENHB_ATTRIBUTE_STRINGS = 8
};

/* An attribute of a node. One of the pointers is set, as `kind` says, to `count` values (one, except for
 * lists). */
typedef struct openhb_attribute {
  const char* name;
  int32_t kind; /* OPENHB_ATTRIBUTE_... */
  int32_t reserved;
  uint64_t count;
  const float* floats;
  const int64_t* ints;
  const openhb_string* strings;
  const openhb_tensor* tensor; /* its data is set */
} openhb_attribute;

/* A node of the network that uses the operator. */
typedef struct openhb_node {
  uint32_t size; /* sizeof(openhb_node) of the caller */
  int32_t attribute_count, input_count, output_count;
  const char *domain, *type, *name;   /* the operator's, and the node's own name for messages */
  const openhb_attribute* attributes; /* sorted by name; only those that the operator's table allows */
  const openhb_tensor* inputs;
  const openhb_tensor* outputs; /* NULL in infer(), which finds them out */
} openhb_node;

/* Where a callback writes why it failed: a sentence with a 0 at its end, e.g. by
 * snprintf(error->text, error->capacity, "alpha is %g, it must be positive", alpha). Node and operator are
 * added. */
typedef struct openhb_error {
  char* text;
  size_t capacity;
} openhb_error;

/* One part of one run. Inputs and outputs are dense, as openhb_tensor says, and aligned for their elements
 * (not more). Every input has its place in the array, constants too; absent ones are NULL. Only the outputs
 * may be written, nothing behind their last element, and every element of them must be. */
typedef struct openhb_run {
  uint32_t size;       /* sizeof(openhb_run) of the caller */
  int32_t part, parts; /* this call does part `part` of `parts`; 0 of 1 unless max_parts() allows more */
  const void* const* inputs;
  void* const* outputs;
  void* scratch; /* scratch_size() bytes for this part alone, 64-byte aligned, with any contents; NULL for 0
                    bytes */
} openhb_run;

/* An attribute that an operator takes. Others in a model are refused before infer() is called. */
typedef struct openhb_attribute_rule {
  const char* name;
  int32_t kind; /* OPENHB_ATTRIBUTE_... */
  int32_t required;
} openhb_attribute_rule;

/* One operator. Fields marked optional may be 0 or NULL. */
typedef struct openhb_op {
  uint32_t size; /* sizeof(openhb_op) */
  int32_t attribute_count;
  const char*
      domain; /* NULL or "": the standard domain; operators that OpenHB knows itself cannot be replaced */
  const char* type;                        /* the ONNX operator type */
  const openhb_attribute_rule* attributes; /* NULL when there are none */
  int32_t min_inputs, max_inputs;   /* inputs below min_inputs are never absent; at most OPENHB_MAX_PORTS */
  int32_t min_outputs, max_outputs; /* at least one, at most OPENHB_MAX_PORTS */

  /* Checks attributes and inputs and sets type, rank and dims of the node's outputs (output_count of them;
   * type is OPENHB_TYPE_NONE before). The same node must always give the same result: a program is refused
   * when the plug-in that runs it infers something else than the one that compiled it. */
  int32_t (*infer)(const openhb_node* node, openhb_tensor* outputs, openhb_error* error);

  /* Optional. Makes what run() needs again and again: unpacked attributes, tables, memory. Called once per
   * loaded network (and per runtime session of it); constants' data may be read here but is to be copied when
   * kept. */
  int32_t (*create)(const openhb_node* node, void** instance, openhb_error* error);
  /* Optional. Also called with the NULL instance of an operator without create(). */
  void (*destroy)(void* instance);

  /* Optional. Multiplications and additions of one run, for reports and to decide on threads. */
  int64_t (*cost)(const openhb_node* node);

  /* Optional; 1 without. How many parts run() can be split into, which different threads do at the same time,
   * 1 to 256. Parts write different bytes, and the outputs do not depend on their number. */
  int32_t (*max_parts)(void* instance);
  /* Optional; 0 without. Bytes of scratch memory that each part needs. */
  int64_t (*scratch_size)(void* instance);

  /* Computes the outputs. It is called in the application's inference path: it should not allocate, lock or
   * use the file system. Returns OPENHB_OK, or a failure that ends the inference. */
  int32_t (*run)(void* instance, const openhb_run* run, openhb_error* error);
} openhb_op;

typedef struct openhb_plugin {
  uint32_t size; /* sizeof(openhb_plugin) */
  uint32_t abi;  /* OPENHB_PLUGIN_ABI, as the plug-in was compiled */
  const char* name;
  const char* version;
  int32_t op_count;
  int32_t reserved;
  const openhb_op* const* ops;
} openhb_plugin;

/* What a plug-in exports: its table for a caller that knows version `abi`, or NULL when it has none for it.
 */
OPENHB_PLUGIN_EXPORT const openhb_plugin* openhb_plugin_get(uint32_t abi);

/* For applications (in libdnn, not in plug-ins): adds one operator, as if a plug-in had brought it, before a
 * model is loaded that needs it. The table must stay valid and unchanged for as long as the process lives.
 * HB_DNN_INVALID_ARGUMENT: the table is not sound, or somebody else has already brought the operator (the
 * same table again is no error). From any thread. */
OPENHB_PLUGIN_EXPORT int32_t hbDNNRegisterLayerCreator(const openhb_op* op);

#ifdef __cplusplus
}
#endif

#endif /* OPENHB_PLUGIN_H */
