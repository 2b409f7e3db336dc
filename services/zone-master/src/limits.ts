/** A cell's share of new puts. */
export const CELL_WEIGHT_DEFAULT = 100
export const CELL_WEIGHT_MAX = 1_000

/** After a disk was readmitted its cell may still repeat the registry's old word for so long. */
export const READMISSION_GRACE_MS = 10_000

/** A candidate that failed to take over tries again after this. */
export const TAKE_OVER_RETRY_MS = 1_000
/** How long a start waits to see whether it leads before it goes on as a standby. */
export const START_TAKE_OVER_WAIT_MS = 2_000

/** Volume managers report every second; a cell unheard for longer is shown with an alarm. */
export const CELL_REPORT_LATE_MS = 5_000

/** One question of a status or locate request to another process. */
export const STATUS_TIMEOUT_MS = 1_000
export const LOCATE_TIMEOUT_MS = 2_000
/** One cell's plan of repairs. */
export const REPAIR_TIMEOUT_MS = 10_000
/** What one cell has on one disk. */
export const DISK_LOSS_TIMEOUT_MS = 10_000
/** Reading one record from the medium, behind whatever the disk is busy with. */
export const EXAMINE_TIMEOUT_MS = 5_000
/** Reading a whole disk from media. */
export const VERIFY_DISK_TIMEOUT_MS = 24 * 3_600_000

/** Pause between two looks whether the registry's log should move into its file. */
export const CHECKPOINT_PERIOD_MS = 30_000

/** Time that open calls get at a stop. */
export const STOP_GRACE_MS = 3_000
