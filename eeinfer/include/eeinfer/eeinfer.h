/* eeinfer in C: opaque handles, a status from every call that can fail, and the text of the last failure of a thread.
 *
 *     eeinfer_engine* engine = NULL;
 *     if (eeinfer_open("model.eeb", NULL, &engine) != EEINFER_OK) { puts(eeinfer_last_error()); return 1; }
 *     int64_t shape[4] = {1, 3, 32, 32}, prediction = 0, exit = 0;
 *     eeinfer_tensor image = {NULL, "float32", 4, shape, pixels};
 *     eeinfer_result result = {sizeof result};
 *     result.rows = 1; result.predictions = &prediction; result.exits = &exit;
 *     eeinfer_run(engine, &image, 1, NULL, INFINITY, &result);
 *     eeinfer_close(engine);
 *
 * Texts are UTF-8. Arrays are contiguous in C's order; what is given is borrowed until the call returns, unless a
 * function says longer. Exits count from 0. No exception leaves the library. Where a function fails, it has written
 * nothing to what it was to fill. Structs that begin with `size` grow at their end: set it to sizeof, the rest to 0.
 */
#ifndef EEINFER_EEINFER_H
#define EEINFER_EEINFER_H

#include <stdint.h>

#if defined(_WIN32) && defined(EEINFER_SHARED)
#ifdef EEINFER_BUILDING
#define EEINFER_API __declspec(dllexport)
#else
#define EEINFER_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define EEINFER_API __attribute__((visibility("default")))
#else
#define EEINFER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Counts up when a program that was built with an older header would go wrong. */
#define EEINFER_ABI_VERSION 1

/* What went wrong: the kinds of eeinfer/errors.h. */
typedef enum eeinfer_status {
  EEINFER_OK = 0,
  EEINFER_BUNDLE = 1,     /* the bundle is missing, altered, from a newer format, does not chain, or does not run */
  EEINFER_REPLACED = 2,   /* the bundle was replaced while it was read: open it again */
  EEINFER_INPUT = 3,      /* tensors, thresholds, handles or arrays of a call are not what it takes */
  EEINFER_CONFIG = 4,     /* a setting is unknown or out of range */
  EEINFER_DEPENDENCY = 5, /* ONNX Runtime is missing or too old */
  EEINFER_INTERNAL = 6    /* out of memory, or a fault of ours */
} eeinfer_status;

typedef struct eeinfer_engine eeinfer_engine; /* any number of threads may call one at once */
typedef struct eeinfer_lane eeinfer_lane;     /* one row; for one thread at a time */
typedef struct eeinfer_batch eeinfer_batch;   /* rows on their way; for one thread at a time */

/* EEINFER_ABI_VERSION of the library. */
EEINFER_API int32_t eeinfer_abi_version(void);

/* Version of eeinfer, such as "0.1.0". */
EEINFER_API const char* eeinfer_version(void);

/* What this thread's last failure was, one sentence; "" before any. Valid until the thread's next failure. */
EEINFER_API const char* eeinfer_last_error(void);

/* --- Opening ------------------------------------------------------------------------------------------------- */

typedef struct eeinfer_options {
  uint32_t size;           /* sizeof(eeinfer_options) */
  int32_t skip_verify;     /* 1 leaves out the hashes of the files, and only those */
  int32_t skip_form;       /* 1 runs the bundle's own segments where an optimised form for this machine is found */
  int32_t n_taus;          /* how many thresholds `taus` has: 0 takes the manifest's; 1 is for all exits; else one each */
  const float* taus;       /* in [0, 1]: for calls that give none */
  const char* threads;     /* as `threads` of eeinfer.load: "2", "parked:2", "stopping", "shared:4"; NULL as there */
  const char* onnxruntime; /* the library's file; NULL looks into EEINFER_ONNXRUNTIME, beside us, then the system */
  const void* ort_api_base; /* the host's const OrtApiBase*, in place of a file; NULL loads one */
  void* ort_env;           /* the host's OrtEnv*, of the same ONNX Runtime, which it keeps longer; NULL makes one */
  const char* provider;    /* "cpu", or "cuda" or "tensorrt" where ONNX Runtime was built with it; NULL: "cpu" */
  int32_t device_id;       /* which GPU */
} eeinfer_options;

/* The OrtApiBase of a host that registered this shared library as one of custom operators, such as Python's
 * SessionOptions.register_custom_ops_library: so that its ONNX Runtime computes, and no second one is loaded. NULL: none. */
EEINFER_API const void* eeinfer_host_ort_api_base(void);

/* Open a bundle, check it, make a session per segment and run each of them once. `options` may be NULL. */
EEINFER_API eeinfer_status eeinfer_open(const char* path, const eeinfer_options* options, eeinfer_engine** out);

/* Let go of the engine, whose lanes and batches have ended and which no thread is calling. NULL is fine. */
EEINFER_API void eeinfer_close(eeinfer_engine* engine);

/* --- What is open. Texts and numbers hold as long as the engine; an index out of range gives NULL or -1 ------- */

EEINFER_API const char* eeinfer_name(const eeinfer_engine* engine);      /* the bundle's label */
EEINFER_API int32_t eeinfer_exits(const eeinfer_engine* engine);         /* E */
EEINFER_API int32_t eeinfer_classes(const eeinfer_engine* engine);       /* K */
EEINFER_API int32_t eeinfer_inputs(const eeinfer_engine* engine);
EEINFER_API const char* eeinfer_class_name(const eeinfer_engine* engine, int32_t index);
EEINFER_API const char* eeinfer_input_name(const eeinfer_engine* engine, int32_t input);
EEINFER_API const char* eeinfer_input_dtype(const eeinfer_engine* engine, int32_t input); /* such as "float32" */
EEINFER_API int32_t eeinfer_input_rank(const eeinfer_engine* engine, int32_t input);      /* with the batch */
/* Size of one axis; -1 for the batch, which is axis 0, and for dynamic ones, whose name is eeinfer_input_axis. */
EEINFER_API int64_t eeinfer_input_size(const eeinfer_engine* engine, int32_t input, int32_t axis);
EEINFER_API const char* eeinfer_input_axis(const eeinfer_engine* engine, int32_t input, int32_t axis);
EEINFER_API int64_t eeinfer_flops(const eeinfer_engine* engine, int32_t exit); /* of leaving there, one row */
EEINFER_API float eeinfer_tau(const eeinfer_engine* engine, int32_t exit);     /* for calls that give none; -1: no exit */
EEINFER_API int32_t eeinfer_optimised(const eeinfer_engine* engine); /* 1: in the form made for this machine; 0: not */
/* Why a form that lies there for this machine is not used, and the plain segments run; "" where there is none. */
EEINFER_API const char* eeinfer_form_problem(const eeinfer_engine* engine);
EEINFER_API int32_t eeinfer_threads(const eeinfer_engine* engine);   /* per segment; 0: the host's pool decides */
EEINFER_API const char* eeinfer_onnxruntime_version(const eeinfer_engine* engine);

/* --- A whole call -------------------------------------------------------------------------------------------- */

typedef struct eeinfer_tensor {
  const char* name;     /* of the input; NULL where the bundle has one input */
  const char* dtype;    /* "float32", "uint8", "int64", ... */
  int32_t rank;         /* with the batch */
  const int64_t* shape; /* [rank] */
  const void* data;     /* need not be aligned */
} eeinfer_tensor;

/* The caller's arrays; NULL leaves one out. B rows, K classes. */
typedef struct eeinfer_result {
  uint32_t size;        /* sizeof(eeinfer_result) */
  int64_t rows;         /* how many rows the arrays have room for; the call sets it to B, and fails where B is more */
  int64_t* predictions; /* [rows] index of the class, -1 where there is no answer */
  int64_t* exits;       /* [rows] which exit answered; -1 for a row with NaN or infinite values */
  float* scores;        /* [rows] what that exit was judged by */
  float* logits;        /* [rows, K] of that exit */
  int64_t* flops;       /* [rows] analytic cost of leaving there, one multiply-add = 1 */
  uint8_t* valid;       /* [rows] 1 where the row has an answer */
  uint8_t* near_tau;    /* [rows] 1 where a decision was within 1e-5: another batch size may change it */
  double latency_ms;    /* of the whole call */
} eeinfer_result;

/* Classify rows, each leaving at the first exit whose score is above its threshold.
 *
 * inputs: one for each input of the bundle. 8-bit images [H, W], [H, W, C], [B, H, W] or [B, H, W, C] are normalised as
 *   the manifest says; anything else is the prepared tensor, [B, *shape] or, for one row, [*shape].
 * taus: [E] in [0, 1]; NULL takes the engine's.
 * deadline_ms: stop after the first segment that ends later than this after the call began; INFINITY: never.
 */
EEINFER_API eeinfer_status eeinfer_run(eeinfer_engine* engine, const eeinfer_tensor* inputs, int32_t n_inputs,
                                       const float* taus, double deadline_ms, eeinfer_result* result);

/* --- One row, in buffers that are bound once ------------------------------------------------------------------ */

EEINFER_API eeinfer_status eeinfer_lane_new(eeinfer_engine* engine, eeinfer_lane** out);
EEINFER_API void eeinfer_lane_free(eeinfer_lane* lane);

/* Where a lane reads its row of an input, an address that stays for the lane's life: write the prepared tensor there, or
 * load it. NULL where the bundle has dynamic axes: load it. */
EEINFER_API eeinfer_status eeinfer_lane_input(eeinfer_lane* lane, int32_t input, void** data);

/* Copy one prepared row in: tensors [1, *shape], all inputs. Whether it is finite is not asked. */
EEINFER_API eeinfer_status eeinfer_lane_load(eeinfer_lane* lane, const eeinfer_tensor* inputs, int32_t n_inputs);

/* Compute a segment, all earlier ones having run; writes its score. */
EEINFER_API eeinfer_status eeinfer_lane_step(eeinfer_lane* lane, int32_t segment, float* score);

/* The whole loop: take the row to where it leaves.
 *
 * limits: [E] what scores are compared with: a tau below 1 is its own limit, a tau of 1 is +INFINITY; see eeinfer_limit.
 * seconds_left: from now on, after which no further segment begins; INFINITY: never.
 * exit, score, near_tau: where it left, by which score, and whether a decision was near its limit; each may be NULL.
 */
EEINFER_API eeinfer_status eeinfer_lane_run(eeinfer_lane* lane, const float* limits, double seconds_left,
                                            int32_t* exit, float* score, uint8_t* near_tau);

/* The same for a row that may hold NaN or infinite values: it does not enter then, its exit is -1 and its score NaN. */
EEINFER_API eeinfer_status eeinfer_lane_answer(eeinfer_lane* lane, const float* limits, double seconds_left,
                                               int32_t* exit, float* score, uint8_t* near_tau);

/* Where the answers of an exit are: addresses that stay for the lane's life. [K], one, one. Each may be NULL. */
EEINFER_API eeinfer_status eeinfer_lane_exit(eeinfer_lane* lane, int32_t exit, const float** logits,
                                             const float** score, const int64_t** prediction);

/* What scores are compared with for a threshold: the threshold in [0, 1], and +INFINITY for 1. */
EEINFER_API float eeinfer_limit(float tau);

/* --- Batches: the loop, step by step -------------------------------------------------------------------------- */

/* Let prepared rows [B, *shape] stand before segment 0. The tensors' data is read in place until the batch ends.
 *
 * rows: [B] the caller's numbers of them, 0 or more; NULL counts them from 0.
 * limits: [E] as in eeinfer_lane_run, of all rows.
 */
EEINFER_API eeinfer_status eeinfer_batch_start(eeinfer_engine* engine, const eeinfer_tensor* inputs, int32_t n_inputs,
                                               const int64_t* rows, const float* limits, double seconds_left,
                                               eeinfer_batch** out);

/* What a segment decided. Pointers hold until the next call with the batch. */
typedef struct eeinfer_step {
  uint32_t size;             /* sizeof(eeinfer_step) */
  int32_t k;                 /* which segment ran */
  int64_t computed;          /* N, rows that it ran with, those that left and were computed along included */
  const float* logits;       /* [N, K] */
  const float* score;        /* [N] */
  const int64_t* prediction; /* [N] */
  int64_t leaving;           /* n, how many rows leave here */
  const int64_t* leaves;     /* [n] their places in the arrays above */
  const int64_t* rows;       /* [n] their numbers */
  const uint8_t* near_tau;   /* [n] */
  int64_t left;              /* rows that are still in */
} eeinfer_step;

/* Run the segment that the batch stands before. Whoever does not leave there stands before the next one. */
EEINFER_API eeinfer_status eeinfer_batch_step(eeinfer_batch* batch, eeinfer_step* step);

/* Take out who has left, where that is done sooner than computing them along. */
EEINFER_API eeinfer_status eeinfer_batch_leave(eeinfer_batch* batch);

/* Merge two batches of one engine that stand before the same segment and have rows in. Where it succeeds, neither of the
 * two handles may be used again, not even to end it, and what they read in place is read no more. */
EEINFER_API eeinfer_status eeinfer_batch_join(eeinfer_batch* one, eeinfer_batch* other, eeinfer_batch** out);

/* Give back what the batch holds, wherever it stands. NULL is fine. */
EEINFER_API void eeinfer_batch_end(eeinfer_batch* batch);

#ifdef __cplusplus
}
#endif

#endif /* EEINFER_EEINFER_H */
