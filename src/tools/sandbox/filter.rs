//! The system calls that a command must do without.
//! Lives here: which ones, and for which arguments. A call that is refused fails with an error, so that programs can go on
//! without it. Never here: files, of which a filter only sees addresses of names.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use super::Kind;

/// Calls that reach other processes, the kernel, or a view of the system that was not given.
const REFUSED: &[c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_set_mempolicy_home_node,
    // Namespaces and mounts.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    // Parts of the kernel with much to find in them.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_memfd_secret,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_vmsplice,
    // Keys of the user or the session.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[c_long] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[c_long] = &[];

/// Calls that, where there is no namespace of its own, would reach what is the whole machine's: sockets, among them those
/// that are files, and what System V shares between processes. So would changing owners and attributes of files, which
/// Landlock does not see.
const REFUSED_WITHOUT_NAMESPACES: &[c_long] = &[
    libc::SYS_socket,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    463, // setxattrat
    466, // removexattrat
    469, // file_setattr
];

#[cfg(target_arch = "x86_64")]
const REFUSED_WITHOUT_NAMESPACES_HERE: &[c_long] = &[libc::SYS_chown, libc::SYS_lchown];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_WITHOUT_NAMESPACES_HERE: &[c_long] = &[];

/// Calls whose first argument is a process, of which zero is the caller.
const ONLY_ONESELF: &[c_long] = &[libc::SYS_prlimit64];

/// Calls that this filter knows nothing of, because they are younger: 467 is `open_tree_attr`.
const YOUNG: std::ops::Range<c_long> = 467..512;
/// `fchmodat2` came after `libc`'s list for some systems.
const FCHMODAT2: c_long = 452;
/// On x86 the same kernel answers a second set of numbers, which the check of the architecture does not tell apart.
#[cfg(target_arch = "x86_64")]
const X32: c_long = 0x4000_0000;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Gives up system calls for good. What a thread starts later inherits it.
pub(super) fn apply(kind: Kind) -> Result<(), String> {
    let [refused, missing] = programs(kind).map_err(|error| format!("the filter of system calls: {error}"))?;
    for program in [refused, missing] {
        apply_filter(&program).map_err(|error| format!("the filter of system calls: {error}"))?;
    }
    Ok(())
}

/// One filter for calls that are not permitted, and one for those that shall look as if the kernel had none.
fn programs(kind: Kind) -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let compile = |rules: Rules, code: i32| -> Result<BpfProgram, seccompiler::BackendError> {
        let code = u32::try_from(code).unwrap_or(1);
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(code), arch)?.try_into()
    };
    Ok([compile(not_permitted(kind)?, libc::EPERM)?, compile(missing(), libc::ENOSYS)?])
}

fn not_permitted(kind: Kind) -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = REFUSED.iter().chain(REFUSED_HERE).map(|call| (*call, Vec::new())).collect();
    for call in ONLY_ONESELF {
        rules.insert(*call, vec![rule(&[(0, SeccompCmpOp::Ne, 0)])?]);
    }
    rules.insert(libc::SYS_clone, new_namespaces()?);
    // TIOCSTI types into a terminal, TIOCLINUX pastes into one.
    rules.insert(
        libc::SYS_ioctl,
        vec![rule(&[(1, SeccompCmpOp::Eq, 0x5412)])?, rule(&[(1, SeccompCmpOp::Eq, 0x541c)])?],
    );
    match kind {
        Kind::Bubblewrap => {
            rules.insert(libc::SYS_socket, vec![rule(&other_families())?]);
        }
        Kind::Landlock => {
            let all = REFUSED_WITHOUT_NAMESPACES.iter().chain(REFUSED_WITHOUT_NAMESPACES_HERE);
            rules.extend(all.map(|call| (*call, Vec::new())));
            #[cfg(target_arch = "x86_64")]
            rules.insert(libc::SYS_chmod, bad_modes(1)?);
            rules.insert(libc::SYS_fchmod, bad_modes(1)?);
            rules.insert(libc::SYS_fchmodat, bad_modes(2)?);
            // The priority and the processors of others of the same user, whoever watches among them.
            rules.insert(libc::SYS_setpriority, vec![rule(&[(1, SeccompCmpOp::Ne, 0)])?]);
            rules.insert(libc::SYS_sched_setaffinity, vec![rule(&[(0, SeccompCmpOp::Ne, 0)])?]);
            rules.insert(FCHMODAT2, bad_modes(2)?);
        }
    }
    #[cfg(target_arch = "x86_64")]
    {
        let again: Vec<_> = rules.keys().map(|call| (call | X32, Vec::new())).collect();
        rules.extend(again);
        // The calls that only exist there.
        rules.extend((512..548).map(|call| (call | X32, Vec::new())));
    }
    Ok(rules)
}

fn missing() -> Rules {
    // The flags of `clone3` stand in memory, where no filter sees them; without it, programs use `clone`.
    let mut rules: Rules = YOUNG.map(|call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_clone3, Vec::new());
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_clone3 | X32, Vec::new());
    rules
}

/// A rule whose conditions on arguments all hold.
fn rule(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, seccompiler::BackendError> {
    let condition = |(argument, operator, value): &(u8, SeccompCmpOp, u64)| {
        SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, operator.clone(), *value)
    };
    SeccompRule::new(conditions.iter().map(condition).collect::<Result<_, _>>()?)
}

/// A rule for each bit of a mask: that it is set.
fn any_bit(argument: u8, mask: u64) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let bits = (0..32).map(|bit| 1_u64 << bit).filter(|bit| mask & bit != 0);
    bits.map(|bit| rule(&[(argument, SeccompCmpOp::MaskedEq(bit), bit)])).collect()
}

fn new_namespaces() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let flags = libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET;
    any_bit(0, u64::try_from(flags).unwrap_or(u64::MAX))
}

/// Sockets other than those that a namespace of networks keeps in.
fn other_families() -> [(u8, SeccompCmpOp, u64); 4] {
    [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK]
        .map(|family| (0, SeccompCmpOp::Ne, u64::try_from(family).unwrap_or_default()))
}

/// Modes that would do harm at a file elsewhere that is the user's own: Landlock does not look at them. It must neither become
/// a program with the user's rights nor writable for others, nor be lost to its owner.
fn bad_modes(argument: u8) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let mut rules = any_bit(argument, 0o7022)?;
    for bit in [0o400, 0o200] {
        rules.push(rule(&[(argument, SeccompCmpOp::MaskedEq(bit), 0)])?);
    }
    Ok(rules)
}
