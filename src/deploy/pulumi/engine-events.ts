import type { automation } from '@pulumi/pulumi';
import type { DeployEvent } from './options.ts';
import { resourceName } from './resource-changes.ts';

type EngineEvent = automation.EngineEvent;

/** Keeps an operation's events: what the engine says on the way is the only place where an error's reason stands. */
export interface EventCollector {
  readonly events: readonly EngineEvent[];
  onEvent(event: EngineEvent): void;
  /** Error messages, each once, with the resource that they are about. */
  errors(): string[];
}

export function collectEvents(tell: (event: DeployEvent) => void): EventCollector {
  const events: EngineEvent[] = [];
  const toldErrors = new Set<string>();
  return {
    events,
    onEvent(event) {
      events.push(event);
      const told = describe(event);
      if (!told) return;
      // The end of an inline program reaches the engine on two ways.
      if (told.kind === 'message' && told.severity === 'error') {
        if (toldErrors.has(told.text)) return;
        toldErrors.add(told.text);
      }
      tell(told);
    },
    errors: () => errorsIn(events),
  };
}

function errorsIn(events: readonly EngineEvent[]): string[] {
  const messages = events.flatMap(({ diagnosticEvent }) => {
    if (diagnosticEvent?.severity !== 'error') return [];
    const text = plain(diagnosticEvent.message);
    const { urn } = diagnosticEvent;
    // What is said about the whole stack only repeats that something failed.
    if (urn === undefined || urn.includes('::pulumi:pulumi:Stack::')) return /^update failed$/.test(text) ? [] : [text];
    return [`${resourceName(urn)}: ${text}`];
  });
  return [...new Set(messages)];
}

function describe({
  diagnosticEvent,
  resourcePreEvent,
  resOutputsEvent,
  resOpFailedEvent,
}: EngineEvent): DeployEvent | undefined {
  if (diagnosticEvent) {
    const { severity, message, urn } = diagnosticEvent;
    const about = urn === undefined ? '' : `${resourceName(urn)}: `;
    return {
      kind: 'message',
      severity: severity === 'info#err' ? 'info' : severity,
      text: `${about}${plain(message)}`,
    };
  }
  const step = resourcePreEvent ?? resOutputsEvent ?? resOpFailedEvent;
  if (!step || step.metadata.op === 'same') return undefined;
  return {
    kind: 'resource',
    action: step.metadata.op,
    resource: resourceName(step.metadata.urn),
    state: resourcePreEvent ? 'started' : resOutputsEvent ? 'done' : 'failed',
  };
}

/** Without the engine's colour marks. */
function plain(text: string): string {
  return text.replace(/<\{%.*?%\}>/g, '').trim();
}
