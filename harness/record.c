#include "harness/record.h"

const char *const hrn_outcome_names[HRN_OUTCOME_COUNT] = {
    [HRN_OK] = "ok",
    [HRN_WRONG] = "wrong",
    [HRN_CRASHED] = "crashed",
    [HRN_TIMEOUT] = "timeout",
    [HRN_NO_ISA] = "no-isa",
    [HRN_REFUSED] = "refused",
    [HRN_NO_BUILD] = "no-build",
    [HRN_VOID] = "void",
};

const char *const hrn_evidence_names[HRN_EVIDENCE_COUNT] = {
    [HRN_MEASURED] = "measured",
    [HRN_EMULATED] = "emulated",
    [HRN_PREDICTED] = "predicted",
};

const char *const hrn_stage_names[HRN_STAGE_COUNT] = {
    [HRN_STAGE_BUILD] = "build",
    [HRN_STAGE_PROVE] = "prove",
    [HRN_STAGE_TIME] = "time",
};

const char *const hrn_role_names[HRN_ROLE_COUNT] = {
    [HRN_CANDIDATE] = "candidate",
    [HRN_TWIN] = "twin",
    [HRN_CANARY] = "canary",
};
