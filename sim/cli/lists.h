/* sim/cli/lists.h: the one list of all plug-ins and verbs. To add one: its file, its line here, its
 * line in CMake. Including this declares them all. */
#ifndef MAD_CLI_LISTS_H
#define MAD_CLI_LISTS_H

#include "sim/iface/command.h"

#define MAD_WORLD_LIST(X)                                                                          \
    X(mad_world_gauss)                                                                             \
    X(mad_world_ring)                                                                              \
    X(mad_world_grid)                                                                              \
    X(mad_world_swiss)                                                                             \
    X(mad_world_moons)                                                                             \
    X(mad_world_s_curve)                                                                           \
    X(mad_world_heavy)                                                                             \
    X(mad_world_rosenbrock)                                                                        \
    X(mad_world_zipf)                                                                              \
    X(mad_world_regression)                                                                        \
    X(mad_world_glyph)                                                                             \
    X(mad_world_bounce)                                                                            \
    X(mad_world_layout)                                                                            \
    X(mad_world_grf)                                                                               \
    X(mad_world_idx)                                                                               \
    X(mad_world_csv)                                                                               \
    X(mad_world_npy)                                                                               \
    X(mad_world_hdf5)                                                                              \
    X(mad_world_cifar)                                                                             \
    X(mad_world_png)

#define MAD_MODEL_LIST(X)                                                                          \
    X(mad_model_gauss)                                                                             \
    X(mad_model_categorical)                                                                       \
    X(mad_model_mixture)                                                                           \
    X(mad_model_kde)                                                                               \
    X(mad_model_linear)                                                                            \
    X(mad_model_exact)                                                                             \
    X(mad_model_flow)                                                                              \
    X(mad_model_diffusion)

#define MAD_LOOP_LIST(X)                                                                           \
    X(mad_loop_custom)                                                                             \
    X(mad_loop_fully_synthetic)                                                                    \
    X(mad_loop_synthetic_augmentation)                                                             \
    X(mad_loop_fresh)

#define MAD_BIAS_LIST(X)                                                                           \
    X(mad_bias_shrink)                                                                             \
    X(mad_bias_guidance)                                                                           \
    X(mad_bias_autoguidance)                                                                       \
    X(mad_bias_truncation)                                                                         \
    X(mad_bias_temperature)                                                                        \
    X(mad_bias_steps)                                                                              \
    X(mad_bias_clip)

#define MAD_SELECT_LIST(X)                                                                         \
    X(mad_select_topfrac)                                                                          \
    X(mad_select_bradley_terry)                                                                    \
    X(mad_select_human_noise)                                                                      \
    X(mad_select_reward_weighted)                                                                  \
    X(mad_select_verifier)                                                                         \
    X(mad_select_rank)                                                                             \
    X(mad_select_greedy_entropy)                                                                   \
    X(mad_select_random)

#define MAD_CORRECT_LIST(X)                                                                        \
    X(mad_correct_statistics)                                                                      \
    X(mad_correct_nearest)

#define MAD_POST_LIST(X)                                                                           \
    X(mad_post_sims)                                                                               \
    X(mad_post_neon)

#define MAD_CHANNEL_LIST(X)                                                                        \
    X(mad_channel_leak)                                                                            \
    X(mad_channel_detector)                                                                        \
    X(mad_channel_label)                                                                           \
    X(mad_channel_label_noise)                                                                     \
    X(mad_channel_quantise)                                                                        \
    X(mad_channel_watermark)

#define MAD_METRIC_LIST(X)                                                                         \
    X(mad_metric_moments)                                                                          \
    X(mad_metric_shape)                                                                            \
    X(mad_metric_tails)                                                                            \
    X(mad_metric_heavy_tails)                                                                      \
    X(mad_metric_hermite)                                                                          \
    X(mad_metric_frechet)                                                                          \
    X(mad_metric_frechet_rows)                                                                     \
    X(mad_metric_sliced)                                                                           \
    X(mad_metric_axis)                                                                             \
    X(mad_metric_emd)                                                                              \
    X(mad_metric_energy)                                                                           \
    X(mad_metric_kernel)                                                                           \
    X(mad_metric_mmd)                                                                              \
    X(mad_metric_kid)                                                                              \
    X(mad_metric_vendi_cosine)                                                                     \
    X(mad_metric_vendi_rbf)                                                                        \
    X(mad_metric_prdc)                                                                             \
    X(mad_metric_memory)                                                                           \
    X(mad_metric_chi2)                                                                             \
    X(mad_metric_copying)                                                                          \
    X(mad_metric_copying_cells)                                                                    \
    X(mad_metric_fld)                                                                              \
    X(mad_metric_c2st_linear)                                                                      \
    X(mad_metric_c2st_quadratic)                                                                   \
    X(mad_metric_c2st_knn)                                                                         \
    X(mad_metric_dimension)                                                                        \
    X(mad_metric_entropy)                                                                          \
    X(mad_metric_training_entropy)                                                                 \
    X(mad_metric_modes)                                                                            \
    X(mad_metric_categories)                                                                       \
    X(mad_metric_category_rows)                                                                    \
    X(mad_metric_classes)                                                                          \
    X(mad_metric_likelihood)                                                                       \
    X(mad_metric_factors)                                                                          \
    X(mad_metric_motion)                                                                           \
    X(mad_metric_scene)                                                                            \
    X(mad_metric_factor_spread)                                                                    \
    X(mad_metric_nll)                                                                              \
    X(mad_metric_bridges)                                                                          \
    X(mad_metric_directions)                                                                       \
    X(mad_metric_power)                                                                            \
    X(mad_metric_excess_risk)

#define MAD_FEATURE_LIST(X)                                                                        \
    X(mad_feature_pca)                                                                             \
    X(mad_feature_net)

/* The first law that applies to a setting is the one drawn and stored. */
#define MAD_THEORY_LIST(X)                                                                         \
    X(mad_theory_trace)                                                                            \
    X(mad_theory_mean_error_sq)                                                                    \
    X(mad_theory_heterozygosity)                                                                   \
    X(mad_theory_gauss_log_det)                                                                    \
    X(mad_theory_gauss_frechet_line)                                                               \
    X(mad_theory_gauss_frechet)                                                                    \
    X(mad_theory_categories_alive)                                                                 \
    X(mad_theory_regression_chain)                                                                 \
    X(mad_theory_regression_accumulate)

#define MAD_COMMAND_LIST(X)                                                                        \
    X(mad_command_run)                                                                             \
    X(mad_command_resume)                                                                          \
    X(mad_command_sweep)                                                                           \
    X(mad_command_map)                                                                             \
    X(mad_command_collect)                                                                         \
    X(mad_command_worker)                                                                          \
    X(mad_command_status)                                                                          \
    X(mad_command_table)                                                                           \
    X(mad_command_plot)                                                                            \
    X(mad_command_metrics)                                                                         \
    X(mad_command_features)                                                                        \
    X(mad_command_sample)                                                                          \
    X(mad_command_theory)                                                                          \
    X(mad_command_audit)                                                                           \
    X(mad_command_verify)                                                                          \
    X(mad_command_reproduce)                                                                       \
    X(mad_command_profile)                                                                         \
    X(mad_command_admissible)                                                                      \
    X(mad_command_policy)                                                                          \
    X(mad_command_decompose)                                                                       \
    X(mad_command_list)                                                                            \
    X(mad_command_keys)                                                                            \
    X(mad_command_init)                                                                            \
    X(mad_command_info)

#define MAD_DECLARE_WORLD(name)   extern const mad_world_type name;
#define MAD_DECLARE_MODEL(name)   extern const mad_model_type name;
#define MAD_DECLARE_LOOP(name)    extern const mad_loop_type name;
#define MAD_DECLARE_BIAS(name)    extern const mad_bias_type name;
#define MAD_DECLARE_SELECT(name)  extern const mad_select_type name;
#define MAD_DECLARE_CORRECT(name) extern const mad_correct_type name;
#define MAD_DECLARE_POST(name)    extern const mad_post_type name;
#define MAD_DECLARE_CHANNEL(name) extern const mad_channel_type name;
#define MAD_DECLARE_METRIC(name)  extern const mad_metric_type name;
#define MAD_DECLARE_THEORY(name)  extern const mad_theory_type name;
#define MAD_DECLARE_FEATURE(name) extern const mad_feature_type name;
#define MAD_DECLARE_COMMAND(name) extern const mad_command name;

MAD_WORLD_LIST(MAD_DECLARE_WORLD)
MAD_MODEL_LIST(MAD_DECLARE_MODEL)
MAD_LOOP_LIST(MAD_DECLARE_LOOP)
MAD_BIAS_LIST(MAD_DECLARE_BIAS)
MAD_SELECT_LIST(MAD_DECLARE_SELECT)
MAD_CORRECT_LIST(MAD_DECLARE_CORRECT)
MAD_POST_LIST(MAD_DECLARE_POST)
MAD_CHANNEL_LIST(MAD_DECLARE_CHANNEL)
MAD_METRIC_LIST(MAD_DECLARE_METRIC)
MAD_THEORY_LIST(MAD_DECLARE_THEORY)
MAD_FEATURE_LIST(MAD_DECLARE_FEATURE)
MAD_COMMAND_LIST(MAD_DECLARE_COMMAND)

#endif
