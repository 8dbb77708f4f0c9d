export type GateProfileName = 'smoke' | 'quick' | 'standard' | 'soak';
