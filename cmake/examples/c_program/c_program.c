/* c_program BUNDLE: one row of zeros through a bundle with one float32 input of fixed sizes, in C99. */
#include <eeinfer/eeinfer.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_AXES 8

static int failed(void) {
  fprintf(stderr, "error: %s\n", eeinfer_last_error());
  return 1;
}

int main(int count, char** arguments) {
  eeinfer_engine* engine = NULL;
  int64_t shape[MOST_AXES] = {1}, prediction = 0, exit = 0;
  size_t numbers = 1;
  float score = 0;
  if (count < 2 || eeinfer_open(arguments[1], NULL, &engine) != EEINFER_OK) return failed();
  for (int32_t axis = 1; axis < eeinfer_input_rank(engine, 0) && axis < MOST_AXES; ++axis) {
    shape[axis] = eeinfer_input_size(engine, 0, axis);
    numbers *= (size_t)shape[axis];
  }
  float* image = calloc(numbers, sizeof *image);
  eeinfer_tensor tensor = {NULL, "float32", eeinfer_input_rank(engine, 0), shape, image};
  eeinfer_result result = {0};
  result.size = sizeof result;
  result.rows = 1;
  result.predictions = &prediction;
  result.exits = &exit;
  result.scores = &score;
  const eeinfer_status status = eeinfer_run(engine, &tensor, 1, NULL, INFINITY, &result);
  free(image);
  if (status != EEINFER_OK) return failed();
  printf("%s at exit %d, score %.3f, %.3f ms\n", eeinfer_class_name(engine, (int32_t)prediction), (int)exit, score,
         result.latency_ms);
  eeinfer_close(engine);
  return 0;
}
