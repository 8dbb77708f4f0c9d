/** Labels of everything that a container lab makes; they say who owns an object and never change during its life. */
export const testnetLabel = 'org.seatrial.testnet';
/** Name of the node that the object belongs to. */
export const nodeLabel = 'org.seatrial.node';
/** Generation of the node's definition; on containers only, as a changed label would replace a volume and its data. */
export const generationLabel = 'org.seatrial.generation';
/** Name of the monitoring service that the object belongs to; such objects carry no node label. */
export const serviceLabel = 'org.seatrial.service';
