/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes of the functions of hb_dnn.h and hb_sys.h. 0 is success, every failure is negative. What
 * failed and what to do about it is in the log (HB_DNN_LOG_LEVEL) and in openhbGetLastError() of
 * openhb_ext.h. */
#ifndef DNN_HB_DNN_STATUS_H
#define DNN_HB_DNN_STATUS_H

enum {
  HB_DNN_SUCCESS = 0,
  HB_DNN_INVALID_ARGUMENT = -6000001,             /* null pointer, index or value outside its range */
  HB_DNN_INVALID_MODEL = -6000002,                /* not a model, damaged, or for another architecture */
  HB_DNN_MODEL_NUMBER_EXCEED_LIMIT = -6000003,    /* more models than can be loaded at a time */
  HB_DNN_INVALID_PACKED_DNN_HANDLE = -6000004,    /* never given by this library, or released */
  HB_DNN_INVALID_DNN_HANDLE = -6000005,           /* the same */
  HB_DNN_CAN_NOT_OPEN_FILE = -6000006,            /* missing or unreadable */
  HB_DNN_OUT_OF_MEMORY = -6000007,                /* memory or threads */
  HB_DNN_TIMEOUT = -6000008,                      /* the task goes on; wait again */
  HB_DNN_TASK_NUM_EXCEED_LIMIT = -6000009,        /* more than 32 tasks at a time; release finished ones */
  HB_DNN_TASK_BATCH_SIZE_EXCEED_LIMIT = -6000010, /* more than 255 models or regions in a task */
  HB_DNN_INVALID_TASK_HANDLE = -6000011,          /* never given by this library, or released */
  HB_DNN_RUN_TASK_FAILED = -6000012,         /* an operator of the model failed, or the task was cancelled */
  HB_DNN_MODEL_IS_RUNNING = -6000013,        /* release its tasks first */
  HB_DNN_INCOMPATIBLE_MODEL = -6000014,      /* the file is of a newer version than this library */
  HB_DNN_API_USE_ERROR = -6000015,           /* a call at the wrong time */
  HB_DNN_MULTI_PROGRESS_USE_ERROR = -6000016 /* a handle of the process before fork() */
};

enum {
  HB_SYS_SUCCESS = 0,
  HB_SYS_INVALID_ARGUMENT = -6000129,
  HB_SYS_OUT_OF_MEMORY = -6000130,
  HB_SYS_REGISTER_MEM_FAILED = -6000131
};

#endif /* DNN_HB_DNN_STATUS_H */
