/** What a machine has, as far as people ask first. */
interface Machine {
  readonly gpus: readonly string[]
  readonly vcpus: number
  readonly memoryMb: number
}

/** `1 × NVIDIA L4, 8 vCPUs, 32 GB`. */
export function machineOf({ gpus, vcpus, memoryMb }: Machine): string {
  const models = new Map<string, number>()
  for (const model of gpus) models.set(model, (models.get(model) ?? 0) + 1)
  const named = [...models].map(([model, count]) => `${count} × ${model}`)
  return [...named, counted(vcpus, 'vCPU'), formatMb(memoryMb)].join(', ')
}

export function counted(count: number, name: string): string {
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

export function formatMb(mb: number): string {
  return mb >= 1_000 ? `${Number((mb / 1_000).toFixed(1))} GB` : `${mb} MB`
}
