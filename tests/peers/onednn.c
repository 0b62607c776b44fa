/* oneDNN 2.x and 3.x through the C API: weights reordered into the layout that it likes best,
 * activations NHWC, one scale per output channel. 2.x adds the bias to the accumulator, 3.x to what
 * the scales have made of it. */
#include <errno.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/peers/peer.h"

enum { IN, WEIGHTS, BIAS, OUT, SCALES, ARGS };
enum { IS_3 = DNNL_VERSION_MAJOR >= 3 };

struct peer {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    float *bias; /* 3.x */
    dnnl_exec_arg_t args[ARGS];
    int arg_count;
};

/* Weights of one group have no group dimension. */
struct shape {
    dnnl_dims_t in, weights, channels, out, strides, dilates, before, after;
    int weights_rank;
};

static struct shape shape_of(const struct krn_problem *p)
{
    const int grouped = p->groups > 1;
    struct shape s = {
        .in = { p->n, p->ic, p->ih, p->iw },
        .out = { p->n, p->oc, p->oh, p->ow },
        .channels = { p->oc },
        .strides = { p->sh, p->sw },
        .dilates = { p->dh - 1, p->dw - 1 },
        .before = { p->ph, p->pw },
        .after = { peer_pad_after(p->ih, p->oh, p->kh, p->sh, p->ph, p->dh),
                   peer_pad_after(p->iw, p->ow, p->kw, p->sw, p->pw, p->dw) },
        .weights_rank = 4 + grouped,
    };
    dnnl_dim_t *w = s.weights;
    if (grouped)
        *w++ = p->groups;
    w[0] = p->oc / p->groups;
    w[1] = p->ic / p->groups;
    w[2] = p->kh;
    w[3] = p->kw;
    return s;
}

/* ---- What differs between 2.x and 3.x: descriptors are structs, or made and destroyed; scales are
 * part of the attributes, or an argument. */

#if DNNL_VERSION_MAJOR >= 3
static dnnl_status_t describe(dnnl_memory_desc_t *desc, int rank, const dnnl_dims_t dims,
                              dnnl_data_type_t type, dnnl_format_tag_t layout)
{
    return dnnl_memory_desc_create_with_tag(desc, rank, dims, type, layout);
}

static const_dnnl_memory_desc_t pass(const dnnl_memory_desc_t *desc)
{
    return *desc;
}

static void forget(dnnl_memory_desc_t *desc)
{
    dnnl_memory_desc_destroy(*desc);
}

static dnnl_status_t set_scales(struct peer *peer, const struct shape *s, const float *scale)
{
    (void)scale;
    return dnnl_primitive_attr_set_scales_mask(peer->attr, DNNL_ARG_WEIGHTS,
                                               s->weights_rank == 5 ? 3 : 1);
}

static dnnl_status_t append_relu(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0.0f, 0.0f);
}

static dnnl_status_t make_desc(struct peer *peer, const struct shape *s,
                               const dnnl_memory_desc_t desc[OUT + 1])
{
    return dnnl_convolution_forward_primitive_desc_create(
        &peer->desc, peer->engine, dnnl_forward_inference, dnnl_convolution_direct, desc[IN],
        desc[WEIGHTS], desc[BIAS], desc[OUT], s->strides, s->dilates, s->before, s->after,
        peer->attr);
}
#else
static dnnl_status_t describe(dnnl_memory_desc_t *desc, int rank, const dnnl_dims_t dims,
                              dnnl_data_type_t type, dnnl_format_tag_t layout)
{
    return dnnl_memory_desc_init_by_tag(desc, rank, dims, type, layout);
}

static const dnnl_memory_desc_t *pass(const dnnl_memory_desc_t *desc)
{
    return desc;
}

static void forget(dnnl_memory_desc_t *desc)
{
    (void)desc;
}

static dnnl_status_t set_scales(struct peer *peer, const struct shape *s, const float *scale)
{
    return dnnl_primitive_attr_set_output_scales(peer->attr, s->channels[0], 1 << 1, scale);
}

static dnnl_status_t append_relu(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f);
}

static dnnl_status_t make_desc(struct peer *peer, const struct shape *s,
                               const dnnl_memory_desc_t desc[OUT + 1])
{
    dnnl_convolution_desc_t conv;
    dnnl_status_t rc = dnnl_dilated_convolution_forward_desc_init(
        &conv, dnnl_forward_inference, dnnl_convolution_direct, &desc[IN], &desc[WEIGHTS],
        &desc[BIAS], &desc[OUT], s->strides, s->dilates, s->before, s->after);
    return rc ? rc : dnnl_primitive_desc_create(&peer->desc, &conv, peer->attr, peer->engine, NULL);
}
#endif

/* ---- */

static int limit_to_avx2(void)
{
    return dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2) == dnnl_success ? 0 : -EINVAL;
}

static const char *version(void)
{
    static char name[60];
    const dnnl_version_t *v = dnnl_version();
    snprintf(name, sizeof name, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    return name;
}

static dnnl_status_t make_attr(struct peer *peer, const struct shape *s, enum peer_type type,
                               const float *scale)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t rc = dnnl_primitive_attr_create(&peer->attr);
    if (!rc)
        rc = set_scales(peer, s, scale);
    if (rc || type != PEER_U8)
        return rc;
    rc = dnnl_post_ops_create(&ops);
    if (!rc)
        rc = append_relu(ops);
    if (!rc)
        rc = dnnl_primitive_attr_set_post_ops(peer->attr, ops);
    dnnl_post_ops_destroy(ops);
    return rc;
}

static dnnl_data_type_t bias_type(void)
{
    return IS_3 ? dnnl_f32 : dnnl_s32;
}

static dnnl_status_t make_primitive(struct peer *peer, const struct shape *s, enum peer_type type,
                                    const float *scale)
{
    const dnnl_data_type_t byte = type == PEER_U8 ? dnnl_u8 : dnnl_s8;
    dnnl_memory_desc_t desc[OUT + 1] = { 0 };
    dnnl_status_t rc = describe(&desc[IN], 4, s->in, byte, dnnl_nhwc);
    if (!rc)
        rc = describe(&desc[WEIGHTS], s->weights_rank, s->weights, dnnl_s8, dnnl_format_tag_any);
    if (!rc)
        rc = describe(&desc[BIAS], 1, s->channels, bias_type(), dnnl_x);
    if (!rc)
        rc = describe(&desc[OUT], 4, s->out, byte, dnnl_nhwc);
    if (!rc)
        rc = make_attr(peer, s, type, scale);
    if (!rc)
        rc = make_desc(peer, s, desc);
    for (int i = 0; i <= OUT; i++)
        forget(&desc[i]);
    return rc ? rc : dnnl_primitive_create(&peer->primitive, peer->desc);
}

/* The library writes to none of what is only read here. */
static void *writable(const void *data)
{
    union {
        const void *in;
        void *out;
    } both = { .in = data };
    return both.out;
}

static dnnl_status_t add_memory(struct peer *peer, int at, dnnl_query_t what, int argument,
                                void *data)
{
    peer->args[at].arg = argument;
    return dnnl_memory_create(&peer->args[at].memory,
                              dnnl_primitive_desc_query_md(peer->desc, what, 0), peer->engine,
                              data);
}

/* One number per output channel. */
static dnnl_status_t add_channels(struct peer *peer, int at, int argument, dnnl_data_type_t type,
                                  const struct shape *s, const void *data)
{
    dnnl_memory_desc_t desc;
    dnnl_status_t rc = describe(&desc, 1, s->channels, type, dnnl_x);
    peer->args[at].arg = argument;
    if (!rc) {
        rc = dnnl_memory_create(&peer->args[at].memory, pass(&desc), peer->engine, writable(data));
        forget(&desc);
    }
    return rc;
}

/* From [g][oc][kh][kw][ic], which is what Quern has. */
static dnnl_status_t reorder_weights(struct peer *peer, const struct shape *s, const void *weights)
{
    const dnnl_format_tag_t layout = s->weights_rank == 5 ? dnnl_gohwi : dnnl_ohwi;
    dnnl_memory_desc_t desc;
    dnnl_memory_t from = NULL;
    dnnl_primitive_desc_t how = NULL;
    dnnl_primitive_t reorder = NULL;
    dnnl_status_t rc = describe(&desc, s->weights_rank, s->weights, dnnl_s8, layout);
    if (rc)
        return rc;
    rc = dnnl_memory_create(&from, pass(&desc), peer->engine, writable(weights));
    if (!rc)
        rc = add_memory(peer, WEIGHTS, dnnl_query_weights_md, DNNL_ARG_WEIGHTS,
                        DNNL_MEMORY_ALLOCATE);
    if (!rc)
        rc = dnnl_reorder_primitive_desc_create(
            &how, pass(&desc), peer->engine,
            dnnl_primitive_desc_query_md(peer->desc, dnnl_query_weights_md, 0), peer->engine, NULL);
    if (!rc)
        rc = dnnl_primitive_create(&reorder, how);
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, from },
                                     { DNNL_ARG_TO, peer->args[WEIGHTS].memory } };
    if (!rc)
        rc = dnnl_primitive_execute(reorder, peer->stream, 2, args);
    if (!rc)
        rc = dnnl_stream_wait(peer->stream);
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(how);
    dnnl_memory_destroy(from);
    forget(&desc);
    return rc;
}

static const void *bias_of(struct peer *peer, const struct shape *s, const struct peer_data *data)
{
    if (!IS_3)
        return data->bias;
    peer->bias = malloc((size_t)s->channels[0] * sizeof *peer->bias);
    for (int64_t i = 0; peer->bias && i < s->channels[0]; i++)
        peer->bias[i] = (float)data->bias[i] * data->scale[i];
    return peer->bias;
}

static int make(void *at, const struct krn_problem *problem, enum peer_type type,
                const struct peer_data *data)
{
    struct peer *peer = at;
    const struct shape s = shape_of(problem);
    const void *in = data->in;
    if (type == PEER_U8)
        in = data->in_u;
    const void *bias = bias_of(peer, &s, data);
    dnnl_status_t rc = bias ? dnnl_engine_create(&peer->engine, dnnl_cpu, 0) : dnnl_out_of_memory;
    if (!rc)
        rc = dnnl_stream_create(&peer->stream, peer->engine, dnnl_stream_default_flags);
    if (!rc)
        rc = make_primitive(peer, &s, type, data->scale);
    if (!rc)
        rc = reorder_weights(peer, &s, data->weights);
    if (!rc)
        rc = add_memory(peer, IN, dnnl_query_src_md, DNNL_ARG_SRC, writable(in));
    if (!rc)
        rc = add_channels(peer, BIAS, DNNL_ARG_BIAS, bias_type(), &s, bias);
    if (!rc)
        rc = add_memory(peer, OUT, dnnl_query_dst_md, DNNL_ARG_DST, data->out);
    peer->arg_count = IS_3 ? ARGS : SCALES;
#if DNNL_VERSION_MAJOR >= 3
    if (!rc)
        rc = add_channels(peer, SCALES, DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, dnnl_f32, &s,
                          data->scale);
#endif
    return rc;
}

static void clear(void *at)
{
    struct peer *peer = at;
    for (int i = 0; i < ARGS; i++)
        dnnl_memory_destroy(peer->args[i].memory);
    dnnl_primitive_destroy(peer->primitive);
    dnnl_primitive_desc_destroy(peer->desc);
    dnnl_primitive_attr_destroy(peer->attr);
    dnnl_stream_destroy(peer->stream);
    dnnl_engine_destroy(peer->engine);
    free(peer->bias);
}

static void run(void *at)
{
    const struct peer *peer = at;
    dnnl_primitive_execute(peer->primitive, peer->stream, peer->arg_count, peer->args);
    dnnl_stream_wait(peer->stream);
}

static const char *implementation(const void *at)
{
    const struct peer *peer = at;
    const char *name = "";
    dnnl_primitive_desc_query(peer->desc, dnnl_query_impl_info_str, 0, &name);
    return name;
}

extern const struct peer_library peer_onednn;
const struct peer_library peer_onednn = {
    .name = "oneDNN",
    .version = version,
    .out_is_unsigned = 1,
    .limit_to_avx2 = limit_to_avx2,
    .bytes = sizeof(struct peer),
    .make = make,
    .clear = clear,
    .run = run,
    .implementation = implementation,
};
