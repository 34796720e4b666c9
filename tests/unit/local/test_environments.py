"""Which packages an environment is brought to."""

from local.environments import ENVIRONMENTS, names_in, normalized


def test_every_requirement_is_an_exact_pin_of_a_package_named_once() -> None:
    for _, files in ENVIRONMENTS.values():
        named = [normalized(each) for file in files for each in names_in(file)]
        assert len(named) == len(set(named))
        lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
        left = [line for line in lines if line and line[0] not in "#-" and "==" not in line]
        assert left == []


def test_a_package_is_the_same_however_its_name_is_written() -> None:
    assert normalized("Foo_Bar.baz") == normalized("foo-bar-baz") == "foo-bar-baz"
