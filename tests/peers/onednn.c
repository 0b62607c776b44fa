/* oneDNN 2.x through its C API: weights reordered into the layout that it likes best, activations
 * NHWC, one scale per output channel, bias in the accumulator. */
#include "tests/peers/peer.h"

#include <errno.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>

const char *const peer_type_names[PEER_TYPE_COUNT] = { [PEER_S8] = "s8", [PEER_U8] = "u8" };

enum { ARGS = 4 };

struct peer {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    dnnl_memory_t weights; /* reordered, of the library */
    dnnl_exec_arg_t args[ARGS];
};

int peer_limit_to_avx2(void)
{
    return dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2) == dnnl_success ? 0 : -EINVAL;
}

const char *peer_library(void)
{
    static char name[60];
    const dnnl_version_t *v = dnnl_version();
    snprintf(name, sizeof name, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    return name;
}

static dnnl_status_t describe(dnnl_memory_desc_t *desc, int rank, const dnnl_dims_t dims,
                              dnnl_data_type_t type, dnnl_format_tag_t layout)
{
    return dnnl_memory_desc_init_by_tag(desc, rank, dims, type, layout);
}

/* Weights of one group have no group dimension. */
struct shape {
    dnnl_dims_t in, weights, bias, out, strides, dilates, before, after;
    int weights_rank;
};

static dnnl_dim_t after(int32_t in, int32_t out, int32_t taps, int32_t stride, int32_t pad,
                        int32_t distance)
{
    return (dnnl_dim_t)(out - 1) * stride + (dnnl_dim_t)(taps - 1) * distance + 1 - in - pad;
}

static struct shape shape_of(const struct krn_problem *p)
{
    const int grouped = p->groups > 1;
    struct shape s = {
        .in = { p->n, p->ic, p->ih, p->iw },
        .out = { p->n, p->oc, p->oh, p->ow },
        .bias = { p->oc },
        .strides = { p->sh, p->sw },
        .dilates = { p->dh - 1, p->dw - 1 },
        .before = { p->ph, p->pw },
        .after = { after(p->ih, p->oh, p->kh, p->sh, p->ph, p->dh),
                   after(p->iw, p->ow, p->kw, p->sw, p->pw, p->dw) },
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

static dnnl_status_t make_desc(struct peer *peer, const struct shape *s, enum peer_type type,
                               const float *scale)
{
    const dnnl_data_type_t byte = type == PEER_U8 ? dnnl_u8 : dnnl_s8;
    dnnl_memory_desc_t in, weights, bias, out;
    dnnl_convolution_desc_t conv;
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t rc = describe(&in, 4, s->in, byte, dnnl_nhwc);
    if (!rc)
        rc = describe(&weights, s->weights_rank, s->weights, dnnl_s8, dnnl_format_tag_any);
    if (!rc)
        rc = describe(&bias, 1, s->bias, dnnl_s32, dnnl_x);
    if (!rc)
        rc = describe(&out, 4, s->out, byte, dnnl_nhwc);
    if (!rc)
        rc = dnnl_dilated_convolution_forward_desc_init(
            &conv, dnnl_forward_inference, dnnl_convolution_direct, &in, &weights, &bias, &out,
            s->strides, s->dilates, s->before, s->after);
    if (!rc)
        rc = dnnl_primitive_attr_create(&peer->attr);
    if (!rc)
        rc = dnnl_primitive_attr_set_output_scales(peer->attr, s->bias[0], 1 << 1, scale);
    if (!rc && type == PEER_U8) {
        rc = dnnl_post_ops_create(&ops);
        if (!rc)
            rc = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f);
        if (!rc)
            rc = dnnl_primitive_attr_set_post_ops(peer->attr, ops);
        dnnl_post_ops_destroy(ops);
    }
    if (!rc)
        rc = dnnl_primitive_desc_create(&peer->desc, &conv, peer->attr, peer->engine, NULL);
    if (!rc)
        rc = dnnl_primitive_create(&peer->primitive, peer->desc);
    return rc;
}

static dnnl_status_t add_memory(struct peer *peer, int at, dnnl_query_t what, int argument,
                                void *data)
{
    peer->args[at].arg = argument;
    return dnnl_memory_create(&peer->args[at].memory,
                              dnnl_primitive_desc_query_md(peer->desc, what, 0), peer->engine,
                              data);
}

/* From [g][oc][kh][kw][ic], which is what Quern has. */
static dnnl_status_t reorder_weights(struct peer *peer, const struct shape *s, const void *weights)
{
    const dnnl_format_tag_t layout = s->weights_rank == 5 ? dnnl_gohwi : dnnl_ohwi;
    dnnl_memory_desc_t desc;
    dnnl_memory_t from = NULL;
    dnnl_primitive_desc_t how = NULL;
    dnnl_primitive_t reorder = NULL;
    union {
        const void *in;
        void *out;
    } data = { .in = weights }; /* read only */
    dnnl_status_t rc = describe(&desc, s->weights_rank, s->weights, dnnl_s8, layout);
    if (!rc)
        rc = dnnl_memory_create(&from, &desc, peer->engine, data.out);
    if (!rc)
        rc = add_memory(peer, 1, dnnl_query_weights_md, DNNL_ARG_WEIGHTS, DNNL_MEMORY_ALLOCATE);
    if (!rc)
        rc = dnnl_reorder_primitive_desc_create(
            &how, &desc, peer->engine,
            dnnl_primitive_desc_query_md(peer->desc, dnnl_query_weights_md, 0), peer->engine, NULL);
    if (!rc)
        rc = dnnl_primitive_create(&reorder, how);
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, from },
                                     { DNNL_ARG_TO, peer->args[1].memory } };
    if (!rc)
        rc = dnnl_primitive_execute(reorder, peer->stream, 2, args);
    if (!rc)
        rc = dnnl_stream_wait(peer->stream);
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(how);
    dnnl_memory_destroy(from);
    return rc;
}

static dnnl_status_t make(struct peer *peer, const struct krn_problem *problem, enum peer_type type,
                          const struct peer_data *data)
{
    struct shape s = shape_of(problem);
    dnnl_memory_desc_t bias_desc;
    union {
        const void *in;
        void *out;
    } in = { .in = data->in }, bias = { .in = data->bias }; /* read only */
    dnnl_status_t rc = dnnl_engine_create(&peer->engine, dnnl_cpu, 0);
    if (!rc)
        rc = dnnl_stream_create(&peer->stream, peer->engine, dnnl_stream_default_flags);
    if (!rc)
        rc = make_desc(peer, &s, type, data->scale);
    if (!rc)
        rc = reorder_weights(peer, &s, data->weights);
    if (!rc)
        rc = add_memory(peer, 0, dnnl_query_src_md, DNNL_ARG_SRC, in.out);
    if (!rc)
        rc = describe(&bias_desc, 1, s.bias, dnnl_s32, dnnl_x);
    peer->args[2].arg = DNNL_ARG_BIAS;
    if (!rc)
        rc = dnnl_memory_create(&peer->args[2].memory, &bias_desc, peer->engine, bias.out);
    if (!rc)
        rc = add_memory(peer, 3, dnnl_query_dst_md, DNNL_ARG_DST, data->out);
    return rc;
}

int peer_open(const struct krn_problem *problem, enum peer_type type, const struct peer_data *data,
              struct peer **out, char *err, size_t err_bytes)
{
    *out = NULL;
    struct peer *peer = calloc(1, sizeof *peer);
    if (!peer) {
        snprintf(err, err_bytes, "out of memory");
        return -ENOMEM;
    }
    dnnl_status_t rc = make(peer, problem, type, data);
    if (rc) {
        snprintf(err, err_bytes, "%s refuses the convolution (status %d)", peer_library(), (int)rc);
        peer_close(peer);
        return -ENOTSUP;
    }
    *out = peer;
    return 0;
}

void peer_run(struct peer *peer)
{
    dnnl_primitive_execute(peer->primitive, peer->stream, ARGS, peer->args);
    dnnl_stream_wait(peer->stream);
}

const char *peer_implementation(const struct peer *peer)
{
    const char *name = "?";
    dnnl_primitive_desc_query(peer->desc, dnnl_query_impl_info_str, 0, &name);
    return name;
}

void peer_close(struct peer *peer)
{
    if (!peer)
        return;
    for (int i = 0; i < ARGS; i++)
        dnnl_memory_destroy(peer->args[i].memory);
    dnnl_primitive_destroy(peer->primitive);
    dnnl_primitive_desc_destroy(peer->desc);
    dnnl_primitive_attr_destroy(peer->attr);
    dnnl_stream_destroy(peer->stream);
    dnnl_engine_destroy(peer->engine);
    free(peer);
}
