import type { automation } from '@pulumi/pulumi';

interface StateResource {
  urn: string;
  type: string;
  id?: string;
}

/** The resources that the stack's state knows. */
export async function resourcesInState(stack: automation.Stack): Promise<StateResource[]> {
  const { deployment } = (await stack.exportStack()) as { deployment: { resources?: StateResource[] } };
  return deployment.resources ?? [];
}

/** URNs of the containers that the stack's state knows. */
export async function containersInState(stack: automation.Stack): Promise<ReadonlySet<string>> {
  const resources = await resourcesInState(stack);
  return new Set(resources.filter(({ type }) => type.startsWith('docker:index/container:')).map(({ urn }) => urn));
}
