from pathlib import Path

import pytest

from eeinfer.machine import instructions

X86 = "processor : 0\nflags\t\t: fpu sse sse4_2 avx512f smep avx2 sme md_clear\n\nprocessor : 1\nflags : fpu\n"
ARM = "processor : 0\nFeatures\t: fp asimd evtstrm aes asimddp i8mm\nCPU part : 0xd40\n"


def test_the_processor_is_described() -> None:
    assert instructions.instruction_sets().strip()


@pytest.mark.parametrize(
    ("text", "found"), [(X86, ["avx2", "avx512f", "sse", "sse4_2"]), (ARM, ["asimd", "asimddp", "i8mm"]), ("", [])]
)
def test_vector_instructions_are_listed_and_what_the_kernel_adds_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, found: list[str]
) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(instructions, "_CPUINFO", tmp_path / "cpuinfo")
    assert instructions.instruction_sets.__wrapped__().split()[1:] == found


def test_without_proc_the_platform_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(instructions, "_CPUINFO", tmp_path / "none")
    assert instructions.instruction_sets.__wrapped__().strip()
