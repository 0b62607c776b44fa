/* The functions of one element. */
#include <math.h>

#include "quant/model/graph.h"

static double leaky(double x, double alpha, double beta)
{
    (void)beta;
    return x < 0 ? alpha * x : x;
}

static double sigmoid(double x, double alpha, double beta)
{
    (void)alpha, (void)beta;
    return 1 / (1 + exp(-x));
}

static double hardsigmoid(double x, double alpha, double beta)
{
    return fmin(1, fmax(0, alpha * x + beta));
}

static double hardswish(double x, double alpha, double beta)
{
    return x * hardsigmoid(x, alpha, beta);
}

static double swish(double x, double alpha, double beta)
{
    return x * sigmoid(x, alpha, beta);
}

static double hyperbolic(double x, double alpha, double beta)
{
    (void)alpha, (void)beta;
    return tanh(x);
}

static double elu(double x, double alpha, double beta)
{
    (void)beta;
    return x < 0 ? alpha * expm1(x) : x;
}

static double softplus(double x, double alpha, double beta)
{
    (void)alpha, (void)beta;
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double mish(double x, double alpha, double beta)
{
    return x * tanh(softplus(x, alpha, beta));
}

static double line(double x, double alpha, double beta)
{
    (void)alpha, (void)beta;
    return x;
}

const struct qnt_function_info qnt_functions[QNT_FN_COUNT] = {
    [QNT_FN_LEAKY] = { "leaky-relu", leaky, 0 },
    [QNT_FN_SIGMOID] = { "sigmoid", sigmoid, 1 },
    [QNT_FN_HARDSIGMOID] = { "hard-sigmoid", hardsigmoid, 1 },
    [QNT_FN_HARDSWISH] = { "hard-swish", hardswish, 0 },
    [QNT_FN_SWISH] = { "swish", swish, 0 },
    [QNT_FN_TANH] = { "tanh", hyperbolic, 0 },
    [QNT_FN_ELU] = { "elu", elu, 0 },
    [QNT_FN_SOFTPLUS] = { "softplus", softplus, 1 },
    [QNT_FN_MISH] = { "mish", mish, 0 },
    [QNT_FN_LINE] = { "line", line, 0 },
};

double qnt_function_at(const struct qnt_node *n, double x)
{
    const double y = qnt_functions[n->function].at(x, (double)n->alpha, (double)n->beta);
    return (double)n->gain * y + (double)n->shift;
}
