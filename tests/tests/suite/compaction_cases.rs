//! What other systems got wrong in compactions and commits: each case a test, on real files.
//!
//! | case | test |
//! |---|---|
//! | 1 | [`sequence`]`::a_delete_committed_while_files_are_rewritten_applies_to_the_output` |
//! | 2 | [`sequence`]`::deletes_committed_one_after_the_other_are_both_kept` |
//! | 3 | [`sequence`]`::a_delete_outlives_the_data_file_that_came_with_it` |
//! | 4 | [`sequence`]`::the_next_java_writer_drops_no_delete_that_is_needed` |
//! | 5 | [`sequence`]`::a_sequence_number_outside_of_what_is_safe_is_refused` |
//! | 6 | [`sequence`]`::a_commit_deletes_rows_of_its_own_by_position_only` |
//! | 7 | [`sequence`]`::rows_deleted_by_position_meanwhile_stay_deleted`, `::a_group_whose_rows_were_deleted_is_redone` |
//! | 8 | [`sequence`]`::the_output_has_one_deletion_vector_whatever_came_meanwhile` |
//! | 9 | [`sequence`]`::deletes_at_a_replaced_file_dangle_and_nothing_fails` |
//! | 10 | [`sequence`]`::only_the_group_that_lost_a_file_is_left_out`, `::a_retry_puts_no_file_back` |
//! | 11 | [`sequence`]`::conflicts_are_seen_though_the_snapshot_that_was_read_has_expired` |
//! | 12 | [`sequence`]`::cut_bounds_that_could_name_an_input_are_no_conflict` |
//! | 13, 14 | [`manifests`]`::files_that_stay_keep_their_numbers_and_removed_ones_do_not_come_back` |
//! | 15 | [`manifests`]`::a_filtered_delete_manifest_is_a_delete_manifest` |
//! | 16 | [`manifests`]`::files_and_manifests_of_an_old_spec_keep_it` |
//! | 17 | [`manifests`]`::a_file_that_is_listed_twice_is_refused_before_anything_is_written`, and `compaction_plan` |
//! | 18 | [`manifests`]`::deletes_of_a_replaced_file_go_with_it_and_those_of_others_stay` |
//! | 19 | [`manifests`]`::deletes_are_retired_partition_by_partition` |
//! | 20 | [`manifests`]`::rows_keep_their_ids_and_the_time_of_their_last_change` |
//! | 21 | [`matching`]`::a_null_key_deletes_rows_with_null_only` |
//! | 22 | [`matching`]`::a_delete_reaches_its_own_partition_and_one_without_a_partition_all` |
//! | 23 | [`matching`]`::keys_of_several_columns_are_matched_by_field_id`, `::keys_follow_columns_through_schema_changes` |
//! | 24 | [`matching`]`::positions_are_those_of_the_file_across_row_groups` |
//! | 25 | [`matching`]`::deletes_belong_to_files_by_scope_and_not_by_order` |
//! | 26 | [`matching`]`::a_table_whose_rows_are_all_deleted_becomes_empty`, `::there_is_nothing_to_do_without_groups_or_snapshots` |
//! | 27 | [`matching`]`::more_keys_than_memory_are_applied_all_the_same` |
//! | 28 | [`matching`]`::a_file_above_the_target_is_split_once_and_then_left_alone` |
//! | 29 | [`protocol`]`::a_run_that_failed_leaves_nothing_half_done` |
//! | 30 | [`protocol`]`::a_lost_answer_*`, `::what_was_refused_leaves_no_file` |
//! | 31 | [`protocol`]`::another_schema_or_spec_leaves_the_groups_out` |
//! | 32 | [`protocol`]`::watermarks_are_the_parents_and_bookkeeping_is_not_copied` |
//! | 33 | [`protocol`]`::a_compaction_gets_through_beside_a_writer_who_always_comes_first`, `::tries_after_the_first_are_short` |
//! | 34 | [`protocol`]`::only_the_branch_that_was_named_is_compacted` |
//! | 35 | [`protocol`]`::partitions_that_are_committed_one_by_one_hide_nothing` |
//! | 36 | `live`: `locks::faults::the_lock_of_a_process_that_was_killed_is_free_within_its_session` |
//! | 37 | follows with expiry |
//!
//! What becomes of files that no commit needs is in [`left_over`]; a process that is killed amid all this is in [`killed`].

mod killed;
mod left_over;
mod manifests;
mod matching;
mod protocol;
mod sequence;
pub mod table;
