/* What 'quern accuracy' has measured, and how it is printed and drawn. */
#ifndef QUERN_HARNESS_CLI_ACCURACY_H
#define QUERN_HARNESS_CLI_ACCURACY_H

#include "quant/pipeline/pipeline.h"

/* Rows of the first table: the methods, then one more for each change that an option asks for, and
 * one for each file. */
enum {
    ACCURACY_CHANGES_MAX = 4,
    ACCURACY_FILES_MAX = 8,
    ACCURACY_ROWS_MAX = QNT_METHOD_COUNT + ACCURACY_CHANGES_MAX + ACCURACY_FILES_MAX,
    ACCURACY_KEEP_MAX = 32,
};

struct accuracy_row {
    char label[64];
    size_t warnings; /* thresholds that are not sound */
    struct qnt_accuracy accuracy;
};

struct accuracy_result {
    struct qnt_graph graph;
    struct qnt_calibration calibration; /* of `method` */
    int method;                         /* whose layers are looked at */
    int has_classes;                    /* the images do: answers are right or wrong */
    struct accuracy_row rows[ACCURACY_ROWS_MAX];
    size_t row_count;
    size_t layer_images; /* that the layers were tried on */
    struct qnt_loss *losses;
    size_t loss_count;
    double all_db;                                   /* all layers int8 */
    struct qnt_accuracy kept[ACCURACY_KEEP_MAX + 1]; /* by how many layers stay in float */
    size_t keep;
};

void accuracy_print_text(const struct accuracy_result *r);
void accuracy_print_json(const struct accuracy_result *r);
/* The histograms of the layers that hurt most, with their thresholds, to FILE.svg or FILE.png. An
 * exit code. */
int accuracy_plot(const struct accuracy_result *r, const char *path);

#endif
