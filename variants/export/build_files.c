/* Build files and README.md. They list sources by name: no globbing, so a build tool sees a change.
 */
#include "variants/export/export_int.h"

#include <errno.h>
#include <string.h>

/* A build file: text before the sources, one line per source, text after. `line` has one %s. */
static const struct build_file {
    const char *path, *head, *line, *tail;
} build_files[] = {
    { "CMakeLists.txt",
      "# " EXP_SPDX "\n"
      "# add_subdirectory() this folder and link quern_kernels; or build it alone for its "
      "self-test.\n"
      "cmake_minimum_required(VERSION 3.13)\n"
      "project(quern_kernels LANGUAGES C ASM)\n\n"
      "add_library(quern_kernels STATIC\n",
      "  %s\n",
      ")\n"
      "target_include_directories(quern_kernels PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}\n"
      "  ${CMAKE_CURRENT_SOURCE_DIR}/include)\n"
      "set_target_properties(quern_kernels PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON\n"
      "  POSITION_INDEPENDENT_CODE ON)\n"
      "# The arithmetic is bit-exact; a fused multiply-add would round differently.\n"
      "target_compile_options(quern_kernels PRIVATE -ffp-contract=off)\n\n"
      "if(CMAKE_CURRENT_SOURCE_DIR STREQUAL CMAKE_SOURCE_DIR)\n"
      "  enable_testing()\n"
      "  add_executable(selftest selftest.c)\n"
      "  target_link_libraries(selftest PRIVATE quern_kernels)\n"
      "  set_target_properties(selftest PROPERTIES C_STANDARD 11)\n"
      "  target_compile_options(selftest PRIVATE -ffp-contract=off)\n"
      "  add_test(NAME selftest COMMAND selftest)\n"
      "endif()\n" },
    { "meson.build",
      "# " EXP_SPDX "\n"
      "# As a subproject: dependency('quern_kernels', fallback: ['NAME OF THIS FOLDER', "
      "'quern_kernels_dep']).\n"
      "project('quern_kernels', 'c', default_options: ['c_std=c11', 'buildtype=release'])\n\n"
      "quern_kernels_sources = files(\n",
      "  '%s',\n",
      ")\n"
      "quern_kernels_include = include_directories('.', 'include')\n"
      "# The arithmetic is bit-exact; a fused multiply-add would round differently.\n"
      "quern_kernels_args = ['-ffp-contract=off']\n"
      "quern_kernels_lib = static_library('quern_kernels', quern_kernels_sources,\n"
      "  include_directories: quern_kernels_include, c_args: quern_kernels_args)\n"
      "quern_kernels_dep = declare_dependency(link_with: quern_kernels_lib,\n"
      "  include_directories: quern_kernels_include)\n\n"
      "test('selftest', executable('selftest', 'selftest.c', dependencies: quern_kernels_dep,\n"
      "  c_args: quern_kernels_args))\n" },
    { "Android.mk",
      "# " EXP_SPDX "\n"
      "# ndk-build: include this file, then LOCAL_STATIC_LIBRARIES := quern_kernels.\n"
      "LOCAL_PATH := $(call my-dir)\n\n"
      "include $(CLEAR_VARS)\n"
      "LOCAL_MODULE := quern_kernels\n"
      "LOCAL_SRC_FILES := \\\n",
      "  %s \\\n",
      "\n"
      "LOCAL_C_INCLUDES := $(LOCAL_PATH) $(LOCAL_PATH)/include\n"
      "LOCAL_EXPORT_C_INCLUDES := $(LOCAL_C_INCLUDES)\n"
      "# The arithmetic is bit-exact; a fused multiply-add would round differently.\n"
      "LOCAL_CFLAGS := -std=c11 -O2 -ffp-contract=off\n"
      "include $(BUILD_STATIC_LIBRARY)\n" },
    { "Makefile",
      "# " EXP_SPDX "\n"
      "# make check: builds the self-test and runs it. CC, CFLAGS, AR and RUN (an emulator) may be "
      "set.\n"
      "CFLAGS ?= -O2\n"
      "# The arithmetic is bit-exact; a fused multiply-add would round differently.\n"
      "QUERN_CFLAGS = -std=c11 -ffp-contract=off -I. -Iinclude\n"
      "SOURCES = \\\n",
      "  %s \\\n",
      "\n"
      "OBJECTS = $(addsuffix .o,$(SOURCES))\n\n"
      "libquern_kernels.a: $(OBJECTS)\n"
      "\t$(AR) rcs $@ $(OBJECTS)\n\n"
      "selftest: selftest.c selftest_data.h selftest_vectors.h libquern_kernels.a\n"
      "\t$(CC) $(CFLAGS) $(QUERN_CFLAGS) -o $@ selftest.c libquern_kernels.a\n\n"
      "check: selftest\n"
      "\t$(RUN) ./selftest\n\n"
      "clean:\n"
      "\trm -f selftest libquern_kernels.a $(OBJECTS)\n\n"
      "%.c.o: %.c $(wildcard kernels/*.h src/*.h include/*.h)\n"
      "\t$(CC) $(CFLAGS) $(QUERN_CFLAGS) -c -o $@ $<\n\n"
      "%.S.o: %.S\n"
      "\t$(CC) $(CFLAGS) -c -o $@ $<\n\n"
      ".PHONY: check clean\n" },
};

static int write_build(const struct build_file *b, size_t files, struct var_export *e)
{
    struct var_text *t = exp_add(e, b->path);
    if (!t)
        return -ENOMEM;
    var_text_printf(t, "%s", b->head);
    for (size_t i = 0; i < files; i++)
        if (exp_is_source(e->files[i].path)) {
            const char *mark = strstr(b->line, "%s");
            var_text_printf(t, "%.*s%s%s", (int)(mark - b->line), b->line, e->files[i].path,
                            mark + 2);
        }
    return var_text_printf(t, "%s", b->tail);
}

int exp_write_builds(const struct exp_plan *plan, struct var_export *e, char *err, size_t err_bytes)
{
    size_t files = e->count;
    int rc = 0;
    (void)plan;
    (void)err;
    (void)err_bytes;
    for (size_t i = 0; i < sizeof build_files / sizeof build_files[0] && rc == 0; i++)
        rc = write_build(&build_files[i], files, e);
    return rc;
}

/* A cell of a Markdown table: a bar would end it. */
static void write_cell(struct var_text *t, const char *s)
{
    for (; *s; s++)
        var_text_printf(t, *s == '|' ? "\\%c" : "%c", *s);
}

static void write_choice(struct var_text *t, const struct var_export_choice *choice)
{
    const struct var_export_evidence *ev = &choice->evidence;
    char text[KRN_PROBLEM_STR_MAX], name[VAR_NAME_MAX];
    krn_problem_format(&choice->problem, 0, text);
    var_name_format(&choice->variant, name);
    var_text_printf(t, "| `%s`", text);
    if (choice->problem.name[0]) {
        var_text_printf(t, " ");
        write_cell(t, choice->problem.name);
    }
    var_text_printf(t, " | `%s` | ", name);
    if (ev->median_ns > 0)
        var_text_printf(t, "%.1f us, %.2f GMAC/s", ev->median_ns / 1e3,
                        (double)krn_problem_macs(&choice->problem) / ev->median_ns);
    else
        var_text_printf(t, "no time");
    var_text_printf(t, " | %s on ", ev->kind ? ev->kind : "unknown");
    write_cell(t, ev->cpu && *ev->cpu ? ev->cpu : ev->device ? ev->device : "an unknown device");
    var_text_printf(t, " |\n");
}

static void write_intro(struct var_text *t)
{
    var_text_printf(
        t,
        "<!-- %s -->\n# Int8 convolution kernels\n\n"
        "Generated by `quern export`: do not edit, everything here is replaced by the next "
        "export.\n"
        "Each kernel was proved bit-exact against the reference and chosen by measurement; "
        "`passport.json`\nhas the device, the intervals, the compiler and the command behind each "
        "choice.\n\n",
        EXP_SPDX);
}

static void write_use(struct var_text *t, int has_asm)
{
    const char *sources = has_asm ? "src/*.c src/*.S" : "src/*.c";
    var_text_printf(
        t,
        "## Prove it\n\n"
        "    cc -std=c11 -O2 -I. -Iinclude selftest.c %s kernels/*.c -o selftest\n"
        "    ./selftest\n\n"
        "It runs every kernel that this CPU has the instructions for, and the dispatch with "
        "ISA levels hidden\none after the other. `make check`, CMake and meson do the same. "
        "Another CPU: `make check\nCC=aarch64-linux-gnu-gcc CFLAGS='-O2 -static' "
        "RUN=qemu-aarch64`.\n\n",
        sources);
    var_text_printf(
        t, "## Use it\n\n"
           "- CMake: `add_subdirectory(this folder)`, link `quern_kernels`.\n"
           "- meson: as a subproject, `quern_kernels_dep`. ndk-build: include `Android.mk`.\n"
           "- Anything else: compile `src/` and `kernels/` with this folder and `include/` on the "
           "include "
           "path, C11,\n  `-ffp-contract=off`.\n\n"
           "```c\n#include \"quern_kernels.h\"\n\n"
           "struct krn_problem problem;\nstruct krn_quant quant = { .zp_in = 0, .zp_out = 0, .lo = "
           "-128, "
           ".hi = 127 };\nstruct quern_conv *conv;\nchar err[200];\n"
           "if (krn_problem_parse(\"ic64ih56oc64oh56kh3ph1\", &problem, err, sizeof err) == 0 &&\n"
           "    quern_conv_create(&problem, &quant, weights, bias, scale, &conv, err, sizeof err) "
           "== 0) {\n"
           "    quern_conv_run(conv, in, out);\n    quern_conv_destroy(conv);\n}\n```\n\n"
           "Tensors are NHWC, weights [oc][kh][kw][ic / groups] in -127..127, one scale per output "
           "channel:\n`y = clamp(round_half_even((float)acc * scale[oc]) + zp_out, lo, hi)`. The "
           "definition is `kernels/reference.c`.\nSeveral threads: `quern_conv_select()` and "
           "`kernels/conv.h`.\n\n");
}

int exp_write_readme(const struct exp_plan *plan, struct var_export *e, char *err, size_t err_bytes)
{
    int has_asm = 0;
    (void)err;
    (void)err_bytes;
    for (size_t i = 0; i < plan->count; i++)
        has_asm |= var_language(plan->kernels[i].variant.isa) == VAR_LANGUAGE_ASM;
    struct var_text *t = exp_add(e, "README.md");
    if (!t)
        return -ENOMEM;
    write_intro(t);
    write_use(t, has_asm);
    var_text_printf(t, "## What is chosen\n\n| problem | variant | time | evidence |\n"
                       "|---|---|---|---|\n");
    for (size_t i = 0; i < plan->input->count; i++)
        write_choice(t, &plan->input->choices[i]);
    var_text_printf(
        t, "\nOf the variants of one problem, the first whose instructions the CPU has is taken. "
           "A problem that is not in\nthe table gets the variant of the nearest one of its "
           "kind (depthwise, 1x1, other), or portable C where\nnone runs.\n");
    return 0;
}
