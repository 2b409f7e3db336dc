/**
 * A zone on one machine: the same real processes for developers, scenario tests and benchmarks, so
 * that `kill -9`, flock and fsync mean what they mean in production.
 */
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { KuraError } from '@kura/core'
import { makeDirectoryDurably } from '@kura/database'
import { ControlDoor } from './control-door.ts'
import { DataLock } from './data-lock.ts'
import { allocatedBytes, checkDiskSpace } from './disk-space.ts'
import { LocalService, type LocalServiceOptions } from './local-service.ts'
import { PowerCutDisks, type PowerCut } from './power-cut-disks.ts'
import { ProcessList } from './process-list.ts'
import { programOf } from './repository.ts'
import {
  addressOf,
  chooseListeners,
  describeEndpoints,
  type Endpoints,
  type Listeners,
} from './zone-addresses.ts'
import { environmentOf, settingsPathOf, writeSettings } from './zone-settings.ts'
import { makeZone, readZoneRecord, refuseForeignFolder, writeDurably } from './zone-folder.ts'
import {
  CELLS_MAX,
  defaultBucketSizeBytes,
  NODES_DEFAULT,
  NODES_MAX,
  NODES_MIN,
  planServices,
  PORT_BASE,
  preallocation,
  stopGroups,
  type ServicePlan,
} from './zone-plan.ts'

/** Time of each group to stop before the next is asked; together below STOP_TIMEOUT_MS. */
const GROUP_STOP_MS = 2_500
/** After this, what is left is killed. */
const STOP_TIMEOUT_MS = 9_000
const KILL_WAIT_MS = 1_000

export interface LocalZoneOptions {
  readonly dataDir: string
  readonly cells?: number | undefined
  /** Storage nodes per cell, at least 3. */
  readonly nodes?: number | undefined
  readonly bucketSizeBytes?: number | undefined
  /** HTTP, blocks, zone master and gRPC take this port and the three after it; 0: free ones. */
  readonly portBase?: number | undefined
  /** Whether a dead service is started again. Default true. */
  readonly restarts?: boolean | undefined
  /** Bytes that will be stored, copies included, where it is known: there must be room for them. */
  readonly contentBytes?: number | undefined
  /** Storage nodes on disks whose power can be cut. A zone is made so, and stays so. */
  readonly powerCutDisks?: boolean | undefined
  /** Ends the start; what runs by then is stopped. */
  readonly signal?: AbortSignal | undefined
  /** Variables by kind (`storage-node`) or name (`storage-node-1-3`); the name wins. */
  readonly environment?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined
  /** Takes what a person should know; nothing by default. */
  readonly tell?: ((line: string) => void) | undefined
  /** Takes the warnings of the services; `tell` by default. */
  readonly warn?: ((line: string) => void) | undefined
}

interface Shape {
  readonly cells: number
  readonly nodes: number
  readonly bucketSizeBytes: number
  readonly powerCutDisks: boolean
}

export class LocalZone implements AsyncDisposable {
  readonly dataDir: string
  readonly endpoints: Endpoints
  readonly services: readonly LocalService[]
  readonly shape: Shape
  /** Lock, disks and more, given back in the reverse order. */
  readonly #holdings: AsyncDisposableStack
  readonly #disks: PowerCutDisks | undefined
  readonly #tell: (line: string) => void
  #stopped: Promise<readonly string[]> | undefined

  private constructor(parts: {
    readonly dataDir: string
    readonly endpoints: Endpoints
    readonly services: readonly LocalService[]
    readonly shape: Shape
    readonly holdings: AsyncDisposableStack
    readonly disks: PowerCutDisks | undefined
    readonly tell: (line: string) => void
  }) {
    this.dataDir = parts.dataDir
    this.endpoints = parts.endpoints
    this.services = parts.services
    this.shape = parts.shape
    this.#holdings = parts.holdings
    this.#disks = parts.disks
    this.#tell = parts.tell
  }

  /**
   * Makes the zone where the folder is new, starts every service and waits until all are ready.
   * Throws `locked`, `port-taken`, `disk-full`, `state-conflict` or `unavailable`; then nothing
   * runs.
   */
  static async start(options: LocalZoneOptions): Promise<LocalZone> {
    const zone = await LocalZone.prepare(options)
    try {
      for (const service of zone.services) service.start()
      const { signal } = options
      await Promise.all(zone.services.map((service) => service.waitReady({ signal })))
      await writeDurably(zone.dataDir, 'endpoints.json', `${JSON.stringify(zone.endpoints)}\n`)
      return zone
    } catch (error) {
      await zone.stop()
      throw error
    }
  }

  /** Everything but the start of the services. */
  static async prepare(options: LocalZoneOptions): Promise<LocalZone> {
    const dataDir = resolve(options.dataDir)
    const tell = options.tell ?? (() => undefined)
    makeDirectoryDurably(dataDir)
    await refuseForeignFolder(dataDir)
    const lock = DataLock.take(dataDir)
    await using holdings = new AsyncDisposableStack()
    holdings.defer(() => lock.release())
    const isNew = (await readZoneRecord(dataDir)) === undefined
    const shape = await agreeOnShape(dataDir, options)
    const { mostBytes } = preallocation(shape.cells, shape.bucketSizeBytes)
    await checkDiskSpace(dataDir, mostBytes + (options.contentBytes ?? 0))
    makeDirectoryDurably(join(dataDir, 'log'))
    const plans = planServices(shape)
    const disks = shape.powerCutDisks ? await mountDisks(dataDir, plans) : undefined
    if (disks !== undefined) holdings.use(disks)
    const listeners = await chooseListeners(plans, options.portBase ?? PORT_BASE)
    await writeSettings(plans, { dataDir, listeners })
    const startOf = (plan: ServicePlan) => ({
      settingsPath: settingsPathOf(dataDir, plan.name),
      environment: environmentOf(plan, {
        dataDir,
        listeners,
        overrides: options.environment ?? {},
      }),
    })
    if (isNew) {
      tell(`making a new zone in ${dataDir}`)
      const steps = plans
        .filter((plan) => plan.hasGenesis)
        .map((plan) => ({ ...plan, ...startOf(plan) }))
      const { bucketSizeBytes: _chosenAtEachStart, ...record } = shape
      await makeZone(dataDir, record, steps)
    }
    const controlPath = disks === undefined ? undefined : join(dataDir, 'control')
    const endpoints = describeEndpoints(listeners)
    const { zoneMaster } = endpoints
    const processes = new ProcessList({ folder: dataDir, zoneMaster, controlPath })
    holdings.defer(() => processes.close())
    const services = plans.map((plan) => {
      const parts = { ...startOf(plan), dataDir, listeners, onChange: processes.update }
      return makeService(plan, parts, options)
    })
    processes.watch(services)
    const parts = { dataDir, endpoints, services, shape, disks, tell }
    const zone = new LocalZone({ ...parts, holdings: holdings.move() })
    if (controlPath !== undefined) await zone.#listenForCuts(controlPath)
    return zone
  }

  /** By name, e.g. `block-index-1`, `volume-manager-1-1`, `storage-node-1-3`. */
  service(name: string): LocalService {
    const service = this.services.find((each) => each.name === name)
    if (service !== undefined) return service
    const names = this.services.map((each) => each.name).join(', ')
    throw new KuraError('invalid-argument', `there is no service ${name}; there are ${names}`)
  }

  /** Cuts the power of a storage node's disk; the node is back when its process is started. */
  async cutPower(name: string): Promise<PowerCut> {
    if (this.#disks === undefined) {
      throw new KuraError('invalid-argument', 'the disks of this zone have no power to cut')
    }
    const cut = await this.#disks.cut(this.service(name))
    this.#tell(`${name}: the power of its disk was cut`)
    return cut
  }

  /** Bytes on disk below the zone's folder, preallocated ones included. */
  async allocatedBytes(): Promise<number> {
    return await allocatedBytes(this.dataDir)
  }

  /**
   * Stops the door first and the disks last, within 10 s. Answers the names of what had to be
   * killed because it did not end in time. No process is left.
   */
  async stop(): Promise<readonly string[]> {
    this.#stopped ??= this.#stop()
    return await this.#stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #stop(): Promise<readonly string[]> {
    for (const service of this.services) service.muteWarnings()
    await this.#disks?.refuseCuts()
    const endsAtMs = performance.now() + STOP_TIMEOUT_MS
    await rm(join(this.dataDir, 'endpoints.json'), { force: true })
    for (const kinds of stopGroups) {
      const group = this.services.filter((service) => kinds.includes(service.kind))
      for (const service of group) service.beginStop()
      const patienceMs = Math.min(GROUP_STOP_MS, endsAtMs - performance.now())
      await Promise.all(group.map((service) => service.waitExit(patienceMs)))
    }
    const killed: string[] = []
    for (const service of this.services) {
      if (await service.waitExit(endsAtMs - performance.now())) continue
      this.#tell(`${service.name} (process ${service.pid}) did not stop in time: KILLED`)
      killed.push(service.name)
      void service.kill('SIGKILL')
    }
    await Promise.all(this.services.map((service) => service.waitExit(KILL_WAIT_MS)))
    for (const service of this.services) service.close()
    await this.#holdings.disposeAsync()
    return killed
  }

  async #listenForCuts(path: string): Promise<void> {
    try {
      this.#holdings.use(await ControlDoor.listen(path, (name) => this.cutPower(name)))
    } catch (error) {
      await this.#holdings.disposeAsync()
      throw error
    }
  }
}

function makeService(
  plan: ServicePlan,
  parts: Pick<LocalServiceOptions, 'settingsPath' | 'environment' | 'onChange'> & {
    readonly dataDir: string
    readonly listeners: Listeners
  },
  options: LocalZoneOptions,
): LocalService {
  const { name, kind } = plan
  const { dataDir, listeners, ...rest } = parts
  const { tell = () => undefined } = options
  return new LocalService({
    ...rest,
    name,
    kind,
    program: programOf(kind),
    dataDir: join(dataDir, plan.folder),
    adminAddress: addressOf(listeners, name, 'admin_address'),
    logPath: join(dataDir, 'log', `${name}.log`),
    restarts: options.restarts ?? true,
    tell,
    warn: options.warn ?? tell,
  })
}

async function mountDisks(dataDir: string, plans: readonly ServicePlan[]): Promise<PowerCutDisks> {
  const nodes = plans
    .filter(({ kind }) => kind === 'storage-node')
    .map(({ name, folder }) => ({ name, path: join(dataDir, folder) }))
  return await PowerCutDisks.mount(dataDir, nodes)
}

/** What the options ask for, or what the zone has; a zone does not change its shape. */
async function agreeOnShape(dataDir: string, options: LocalZoneOptions): Promise<Shape> {
  const record = await readZoneRecord(dataDir)
  const cells = options.cells ?? record?.cells ?? 1
  const nodes = options.nodes ?? record?.nodes ?? NODES_DEFAULT
  checkInteger('--cells', cells, { min: 1, max: CELLS_MAX })
  checkInteger('--nodes', nodes, { min: NODES_MIN, max: NODES_MAX })
  if (record !== undefined && (record.cells !== cells || record.nodes !== nodes)) {
    const had = `${record.cells} cells of ${record.nodes} storage nodes`
    throw new KuraError('state-conflict', `the zone in ${dataDir} has ${had}`, {
      hint: 'leave out --cells and --nodes, or choose another folder with --data',
    })
  }
  const hadCutDisks = record?.powerCutDisks ?? options.powerCutDisks ?? false
  if (options.powerCutDisks === true && !hadCutDisks) {
    throw new KuraError('state-conflict', `the zone in ${dataDir} has ordinary disks`, {
      hint: 'choose another folder with --data',
    })
  }
  const bucketSizeBytes = options.bucketSizeBytes ?? defaultBucketSizeBytes(cells)
  return { cells, nodes, bucketSizeBytes, powerCutDisks: hadCutDisks }
}

function checkInteger(
  name: string,
  value: number,
  bounds: { readonly min: number; readonly max: number },
): void {
  if (Number.isInteger(value) && value >= bounds.min && value <= bounds.max) return
  throw new KuraError('invalid-argument', `${name} is ${bounds.min} to ${bounds.max}`)
}
