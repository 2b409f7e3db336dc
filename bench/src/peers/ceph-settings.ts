/**
 * The settings of the Ceph cluster that is compared: what Kura promises too, on one machine, and
 * otherwise Ceph's defaults, but for favours to it.
 *
 * - Three copies, each on an OSD of its own, all of them there and synced before the answer: with
 *   `min_size` 3 a group of objects takes no write on fewer. BlueStore syncs before it answers.
 * - Favours: no authentication, no scrubs, no debug logs, not even those kept in memory, no
 *   autoscaler, no manager process.
 */
import { GIB } from '@kura/core'

export const OSD_COUNT = 3
export const POOL = 'bench'
/** Of the pool: with 3 copies on 3 OSDs 32 on each, within what Ceph recommends. */
export const GROUP_COUNT = 32

/** Ceph's default for each OSD. */
const MEMORY_BYTES = 4 * GIB
/** Of the machine's memory for all OSDs together, where it is short. */
const MEMORY_SHARE_MAX = 0.5

const QUIET = [
  ...['asok', 'auth', 'bdev', 'bluefs', 'bluestore', 'buffer', 'compressor', 'context', 'crush'],
  ...['crypto', 'finisher', 'heartbeatmap', 'journal', 'journaler', 'lockdep', 'memdb', 'mgrc'],
  ...['mon', 'monc', 'ms', 'objclass', 'objecter', 'optracker', 'osd', 'paxos', 'perfcounter'],
  ...['prioritycache', 'rados', 'reserver', 'rocksdb', 'striper', 'throttle', 'timer', 'tp'],
]

export interface CephSettings {
  readonly folder: string
  /** Of administration; groups do not become active without it. Short: sockets have short names. */
  readonly socketFolder: string
  readonly fsid: string
  readonly monitorPort: number
  /** Of each OSD's file. */
  readonly blockSizeBytes: number
  readonly machineMemoryBytes: number
}

/** The content of ceph.conf. */
export function formatCephSettings(settings: CephSettings): string {
  const { folder, socketFolder, fsid, monitorPort, blockSizeBytes, machineMemoryBytes } = settings
  const shareBytes = Math.floor((machineMemoryBytes * MEMORY_SHARE_MAX) / OSD_COUNT)
  const lines = {
    fsid,
    mon_initial_members: 'a',
    mon_host: monitorAddress(monitorPort),
    mon_data: `${folder}/mon`,
    ms_bind_msgr1: false,
    public_network: '127.0.0.1/32',
    cluster_network: '127.0.0.1/32',
    run_dir: socketFolder,
    admin_socket: `${socketFolder}/$name.asok`,
    log_file: `${folder}/$name.log`,
    log_to_stderr: false,
    mon_cluster_log_to_file: false,
    crash_dir: `${folder}/crash`,
    keyring: '/dev/null',
    auth_cluster_required: 'none',
    auth_service_required: 'none',
    auth_client_required: 'none',
    osd_data: `${folder}/osd-$id`,
    osd_objectstore: 'bluestore',
    bluestore_block_path: `${folder}/osd-$id.block`,
    bluestore_block_create: true,
    bluestore_block_size: blockSizeBytes,
    osd_memory_target: Math.min(MEMORY_BYTES, shareBytes),
    osd_crush_chooseleaf_type: 0,
    osd_pool_default_size: OSD_COUNT,
    osd_pool_default_min_size: OSD_COUNT,
    osd_pool_default_pg_autoscale_mode: 'off',
  }
  const quiet = QUIET.map((name) => `debug_${name} = 0/0`)
  const given = Object.entries(lines).map(([name, value]) => `${name} = ${value}`)
  return ['[global]', ...given, ...quiet, ''].join('\n')
}

export function monitorAddress(port: number): string {
  return `[v2:127.0.0.1:${port}/0]`
}
