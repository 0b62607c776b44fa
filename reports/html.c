/* The page: one file that needs nothing else, no script, no network. Written beside its place and
 * renamed, so that a full disk leaves the old page. */
#include "reports/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "reports/html_int.h"

extern const char rpt_page_css[]; /* page.css, embedded by the build */

static void put_page(const struct rpt_page *page)
{
    FILE *out = page->out;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'\">\n",
          out);
    fprintf(out, "<title>Quern report, run %lld</title>\n<style>\n", page->run->id);
    fputs(rpt_page_css, out);
    fputs("</style>\n</head>\n<body>\n", out);
    rpt_page_summary(page);
    if (rpt_run_timed(page->run)) {
        rpt_page_winners(page);
        rpt_page_networks(page);
        rpt_page_overview_plots(page);
        rpt_page_layers(page);
    }
    rpt_page_figures(page);
    rpt_page_pair(page);
    if (page->run->evidence != HRN_PREDICTED) /* nothing was tried, so nothing was proved */
        rpt_page_outcomes(page);
    rpt_page_failures(page);
    rpt_page_notes(page);
    fputs("</main>\n<footer>Made by <b>quern report</b> from the samples in the database; nothing "
          "on this page is"
          " stored there, all of it can be made again.</footer>\n</body>\n</html>\n",
          out);
}

/* Beside its place first, then renamed; what is no regular file is written where it is, and never
 * replaced. */
static int write_page(struct rpt_page *page, const char *path)
{
    struct stat st;
    int in_place = lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
    char *beside = NULL;
    if (asprintf(&beside, "%s%s", path, in_place ? "" : ".part") < 0)
        return -ENOMEM;
    int result = 0;
    page->out = fopen(beside, "w");
    if (!page->out)
        result = -errno;
    if (result == 0) {
        put_page(page);
        result = rpt_stream_end(page->out);
        if (fclose(page->out) != 0 && result == 0)
            result = -errno;
        if (result == 0 && !in_place && rename(beside, path) != 0)
            result = -errno;
        if (result != 0 && !in_place)
            remove(beside);
    }
    free(beside);
    return result;
}

int rpt_html(const struct rpt_run *run, const char *html_path, const char *plots_dir,
             struct rpt_error *error)
{
    struct rpt_plots plots = { 0 };
    struct rpt_digest digest;
    memset(error, 0, sizeof *error);
    int result = rpt_digest_init(run, &digest);
    if (result != 0) {
        snprintf(error->text, sizeof error->text, "%s: %s", html_path, strerror(-result));
        return result;
    }
    if (rpt_run_timed(run))
        result = rpt_plots_make(run, plots_dir, &plots, error);
    if (result == 0) {
        struct rpt_page page = { NULL, run, &digest, &plots, plots_dir };
        result = write_page(&page, html_path);
        if (result != 0)
            snprintf(error->text, sizeof error->text, "%s cannot be written: %s", html_path,
                     strerror(-result));
    }
    rpt_plots_clear(&plots);
    rpt_digest_clear(&digest);
    return result;
}
