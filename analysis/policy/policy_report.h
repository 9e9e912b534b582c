/* analysis/policy/policy_report.h: a policy in words, with its numbers. */
#ifndef MAD_POLICY_REPORT_H
#define MAD_POLICY_REPORT_H

#include "analysis/policy/policy_curves.h"

/**
 * A paragraph on one curve for a report: what lever keeps the level, with its interval, what is shown
 * and what it costs; or that the data show neither. Then what it rests on. With a level of NaN: from
 * where to where the damage goes.
 * errors  MAD_E_MEMORY
 * memory  from mem
 */
MAD_MUST_CHECK mad_status mad_policy_paragraph(mad_ctx *ctx, mad_arena *mem,
                                               const mad_policy_curves *curves,
                                               const mad_policy_curve *curve,
                                               const mad_policy_question *question,
                                               const mad_policy_answer *answer, const char **out);

#endif
