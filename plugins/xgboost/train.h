/*
 * The part xgboost.train.
 */
#ifndef XGBOOST_TRAIN_H
#define XGBOOST_TRAIN_H

#include <leat/abi.h>

/* Runs the part. */
leat_status train_run(leat_call *call);

#endif
